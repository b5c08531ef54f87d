// Verification: a graph is plain data that anyone can have edited; here its own rules are held against it.
#include <fmt/format.h>

#include <unordered_map>

#include "base/check.hpp"
#include "dump/attr_text.hpp"
#include "ops/op_table.hpp"
#include "tape/tape_core.hpp"

namespace unspool {
namespace {

using namespace detail;

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), tape_(make_tape(graph.scalar, {}), &drop_tape) {
    for (const OpRule* rule : op_table()) rules_[rule->info.name] = rule;
  }

  void run() {
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) check(i);
    for (const GraphParameter& p : graph_.parameters)
      require(p.node < graph_.nodes.size(), ErrorCode::verify_failed, "verify",
              "a parameter's node must be one of the {}; {} has {}", graph_.nodes.size(), p.name, p.node);
  }

 private:
  template <class... Args>
  void hold(bool holds, std::uint32_t i, fmt::format_string<Args...> text, Args&&... args) const {
    if (holds) return;
    const GraphNode& n = graph_.nodes[i];
    const bool named = n.op < graph_.ops.size();
    throw Error(ErrorCode::verify_failed, "verify", fmt::format(text, std::forward<Args>(args)...),
                fmt::format("at %{}{}{}", i, named ? " " : "", named ? graph_.op_name(n) : ""));
  }

  // Before anything is looked up: every index lies in its table.
  void check_tables(std::uint32_t i) const {
    const GraphNode& n = graph_.nodes[i];
    const auto within = [](std::uint64_t first, std::uint64_t count, std::size_t size) {
      return first <= size && count <= size - first;
    };
    hold(n.op < graph_.ops.size(), i, "the op must be in the table of {}; given {}", graph_.ops.size(), n.op);
    hold(n.scope < graph_.texts.size() && n.file < graph_.texts.size(), i, "scope and file must be in the table of {}",
         graph_.texts.size());
    hold(within(n.first_input, n.input_count, graph_.inputs.size()) &&
             within(n.first_extent, n.rank, graph_.extents.size()) &&
             within(n.first_attr, n.attr_count, graph_.attrs.size()),
         i, "inputs, extents and attributes must lie in their tables");
    hold(n.rank <= Shape::max_rank, i, "a shape has at most {} axes; given {}", Shape::max_rank, n.rank);
    hold(n.parameter_index < static_cast<std::int64_t>(graph_.parameters.size()), i,
         "the parameter must be in the table of {}; given {}", graph_.parameters.size(), n.parameter_index);
    for (const std::int64_t extent : graph_.extents_of(n)) hold(extent >= 0, i, "an extent must not be negative");
    for (const std::uint32_t input : graph_.inputs_of(n))
      hold(input < i, i, "inputs must precede the node; given %{}", input);
  }

  void check(std::uint32_t i) {
    check_tables(i);
    const GraphNode& n = graph_.nodes[i];
    const auto found = rules_.find(graph_.op_name(n));
    if (n.input_count == 0 || found == rules_.end()) return;
    const OpRule& rule = *found->second;
    hold(rule.info.arity < 0 || rule.info.arity == static_cast<int>(n.input_count), i, "needs {} operands; given {}",
         rule.info.arity, n.input_count);
    bool has_list = false;
    const std::size_t words = declared_words(rule.info.attrs, has_list);
    hold(n.attr_count == words || (has_list && n.attr_count > words), i, "needs {} attributes; given {}", words,
         n.attr_count);
    const Shape shape = infer(rule, i);
    const Shape recorded(graph_.extents_of(n));
    hold(shape == recorded, i, "the rule infers {}; the shape is {}", shape.to_string(), recorded.to_string());
  }

  // Rules read shapes through a tape: its leaves have the operands' shapes and no values.
  Shape infer(const OpRule& rule, std::uint32_t i) {
    const GraphNode& n = graph_.nodes[i];
    const std::span<const std::int64_t> attrs = graph_.attrs_of(n);
    attrs_.assign(1, n.attr_count);
    attrs_.insert(attrs_.end(), attrs.begin(), attrs.end());
    tape_->reset();
    leaves_.clear();
    try {
      for (const std::uint32_t operand : graph_.inputs_of(n))
        leaves_.push_back(tape_->record_shape(Shape(graph_.extents_of(graph_.nodes[operand]))));
      return tape_->infer_unrecorded(rule, leaves_, attrs_.data() + 1, i);
    } catch (const Error& error) {
      hold(false, i, "the rule rejects it: {}", error.what());
      throw;
    }
  }

  const Graph& graph_;
  std::unique_ptr<TapeCore, void (*)(TapeCore*) noexcept> tape_;
  std::vector<std::uint32_t> leaves_;
  std::vector<std::int64_t> attrs_;  // their number, then they
  std::unordered_map<std::string_view, const OpRule*> rules_;
};

}  // namespace

void verify(const Graph& graph) { Verifier(graph).run(); }

}  // namespace unspool
