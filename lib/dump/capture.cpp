// From the tape's nodes to a Graph. One pass; texts are interned by the address they come from.
#include <unordered_map>

#include "dump/value_statistics.hpp"
#include "tape/tape_core.hpp"
#include "unspool/graph.hpp"
#include "unspool/ledger.hpp"

namespace unspool::detail {
namespace {

class Capture {
 public:
  Capture(const TapeCore& tape, const CaptureOptions& options) : tape_(tape), options_(options) {
    graph_.scalar =
        tape.type() == ScalarType::float32 ? ScalarType::float32 : ScalarType::float64;  // duals: the values
    graph_.texts.emplace_back();
    scopes_[0] = 0;
  }

  Graph run() {
    graph_.nodes.reserve(tape_.node_count());
    graph_.memory.reserve(tape_.node_count());
    if (options_.values) graph_.values.reserve(tape_.node_count());
    for (std::uint32_t i = 0; i < tape_.node_count(); ++i) add(i);
    const TapeStats stats = tape_.stats();
    graph_.loss = static_cast<std::int64_t>(tape_.walked_end()) - 1;
    graph_.walk_known = !tape_.gradient_lives().empty();
    graph_.arena_bytes = stats.value_bytes;
    graph_.gradient_bytes_peak = stats.gradient_bytes_peak;
    return std::move(graph_);
  }

 private:
  void add(std::uint32_t index) {
    const Node& node = tape_.node(index);
    const Labels::Context& context = tape_.labels().context(node.context);
    GraphNode n;
    n.op = op_index(*node.rule);
    n.scope = scope_index(context.scope);
    n.file = node.where.line() == 0 ? 0 : file_index(node.where.file_name());
    n.line = node.where.line();
    n.step = context.step;
    add_lists(n, node);
    add_costs(n, node, index);
    const auto flag_if = [&](std::uint16_t bit, GraphNode::Flag flag) { n.flags |= node.has(bit) ? flag : 0; };
    flag_if(flag::view, GraphNode::view);
    flag_if(flag::needs_grad, GraphNode::needs_grad);
    flag_if(flag::parameter, GraphNode::parameter);
    flag_if(flag::severed, GraphNode::severed);
    n.gradient_norm = gradient_norm(node, index);
    if (node.has(flag::parameter)) {
      n.parameter_index = static_cast<std::int32_t>(graph_.parameters.size());
      graph_.parameters.push_back(
          {node.parameter->name, index, node.has(flag::needs_grad), n.gradient_norm, series(*node.parameter)});
    }
    graph_.nodes.push_back(n);
    add_memory(node, n, index);
    if (options_.values) graph_.values.push_back(value_statistics(tape_.type(), node.value, node.size()));
  }

  // The arena only moves forward while a tape records: a node used what lies between its last byte and the last byte of
  // the nodes before it. Extents that it shares with an operand lie further back, a parameter's value not in the arena.
  void add_memory(const Node& node, const GraphNode& n, std::uint32_t index) {
    std::int64_t used = arena_used_;
    const auto reach = [&](const void* end) { used = std::max(used, tape_.arena().used_bytes_at(end)); };
    if (node.arity > 2) reach(node.inputs() + node.arity);
    if (node.attr_words == Node::listed_attrs) reach(node.attr_list + node.attr_count());
    if (node.rank > 0) reach(node.extents + node.rank);
    const std::int64_t bytes =
        n.saved_bytes == 0 ? n.value_bytes : node.saved_offset(tape_.bytes_each()) + n.saved_bytes;
    if (node.owns_value()) reach(static_cast<const std::byte*>(node.value) + bytes);
    GraphMemory memory;
    memory.arena_bytes = used - arena_used_;
    arena_used_ = used;
    if (index < tape_.gradient_lives().size()) {
      const GradientLife& life = tape_.gradient_lives()[index];
      memory.gradient_bytes = life.bytes;
      memory.scratch_bytes = life.scratch_bytes;
      memory.held_bytes = life.held_bytes;
      memory.flush_bytes = life.flush_bytes;
      memory.gradient_born = life.born;
      memory.gradient_freed = life.freed;
      memory.held_freed = life.held_freed;
    }
    graph_.memory.push_back(memory);
  }

  void add_lists(GraphNode& n, const Node& node) {
    n.rank = node.rank;
    n.first_extent = graph_.extents.size();
    graph_.extents.insert(graph_.extents.end(), node.extents, node.extents + node.rank);
    n.input_count = node.arity;
    n.first_input = graph_.inputs.size();
    if (node.arity > 0) graph_.inputs.insert(graph_.inputs.end(), node.inputs(), node.inputs() + node.arity);
    n.attr_count = static_cast<std::uint32_t>(node.attr_count());
    n.first_attr = graph_.attrs.size();
    if (n.attr_count > 0) graph_.attrs.insert(graph_.attrs.end(), node.attrs(), node.attrs() + n.attr_count);
  }

  // The shares of steps; what was recorded in none has no place in a series. Nothing where the ledger is out of date.
  GraphSeries series(const ParameterCore& parameter) const {
    GraphSeries s;
    if (!tape_.ledger().is_complete() || tape_.parameters_changed()) return s;
    for (const StepShare& share : step_shares(tape_, parameter)) {
      if (share.step == StepShare::outside) continue;
      s.steps.push_back(share.step);
      s.norm.push_back(share.norm);
      s.dot.push_back(share.dot);
      s.running_norm.push_back(share.running_norm);
    }
    return s;
  }

  void add_costs(GraphNode& n, const Node& node, std::uint32_t index) {
    if (node.owns_value()) n.value_bytes = node.size() * tape_.bytes_each();
    if (node.arity == 0) return;
    // The rule's functions take the tape by non-const pointer and, for these two, only read shapes through it.
    const Call call{const_cast<TapeCore*>(&tape_), &node, &tape_.node(0), nullptr, index};
    const Shape shape = node.shape();
    if (node.rule->saved != nullptr) n.saved_bytes = node.rule->saved(InferArgs(call), shape) * tape_.bytes_each();
    if (node.rule->flops != nullptr)
      n.flops = node.rule->flops(InferArgs(call), shape);
    else if (!node.has(flag::view))
      n.flops = shape.size();
  }

  // A visited node's norm was noted when its gradient was complete; those of leaves are still there to be measured.
  double gradient_norm(const Node& node, std::uint32_t index) const {
    constexpr double unknown = -1;
    if (!node.has(flag::needs_grad) || tape_.stats().backward_visits == 0) return unknown;
    if (node.has(flag::parameter)) {
      const ParameterCore& p = *node.parameter;
      return p.grad_is_zero ? 0 : norm_of(tape_.type(), p.grad.data(), p.shape.size());
    }
    if (node.arity == 0) {
      const void* gradient = tape_.gradient(index);
      return gradient == nullptr ? 0 : norm_of(tape_.type(), gradient, node.size());
    }
    return index < tape_.gradient_norms().size() ? tape_.gradient_norms()[index] : unknown;
  }

  std::uint32_t op_index(const OpRule& rule) {
    const auto [at, fresh] = ops_.try_emplace(&rule, static_cast<std::uint32_t>(graph_.ops.size()));
    if (fresh) graph_.ops.push_back({rule.info.name, rule.info.attrs});
    return at->second;
  }

  std::uint32_t scope_index(std::uint32_t scope) {
    const auto [at, fresh] = scopes_.try_emplace(scope, static_cast<std::uint32_t>(graph_.texts.size()));
    if (fresh) graph_.texts.push_back(tape_.labels().scope_path(scope));
    return at->second;
  }

  std::uint32_t file_index(const char* path) {
    const auto [at, fresh] = files_.try_emplace(path, static_cast<std::uint32_t>(graph_.texts.size()));
    if (fresh) {
      const std::string_view all = path;
      graph_.texts.emplace_back(all.substr(all.find_last_of('/') + 1));  // npos + 1 is 0
    }
    return at->second;
  }

  const TapeCore& tape_;
  CaptureOptions options_;
  Graph graph_;
  std::int64_t arena_used_ = 0;
  std::unordered_map<const OpRule*, std::uint32_t> ops_;
  std::unordered_map<std::uint32_t, std::uint32_t> scopes_;
  std::unordered_map<const char*, std::uint32_t> files_;
};

}  // namespace

Graph capture(const TapeCore& tape, const CaptureOptions& options) { return Capture(tape, options).run(); }

}  // namespace unspool::detail
