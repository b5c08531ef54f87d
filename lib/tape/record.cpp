// Recording: operands are resolved, the shape is inferred, memory is taken, the value is computed. A failure at any
// point leaves the tape as it was.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {
namespace {

TapeCore& tape_of(std::span<const Handle> inputs, const char* op) {
  require(!inputs.empty(), ErrorCode::bad_argument, op, "needs at least one operand; given none");
  for (const Handle& input : inputs)
    if (TapeCore* tape = input.tape()) return *tape;
  for (const Handle& input : inputs)
    require(!input.empty(), ErrorCode::stale_handle, op, "an operand was never recorded (a default-constructed Var)");
  fail(ErrorCode::wrong_tape, op, "an operand must be recorded on a tape; all {} are parameters", inputs.size());
}

}  // namespace

std::uint32_t TapeCore::resolve(const Handle& handle, const char* op, Where where) {
  if (handle.tape() == this) {
    const std::uint32_t index = handle.index();
    if (index < nodes_.size() && nodes_[index].generation == handle.generation()) [[likely]]
      return index;
    throw Error(ErrorCode::stale_handle, op, fmt::format("operand %{} belongs to an earlier recording", index),
                where_text(labels_.current(), where, node_count()));
  }
  if (ParameterCore* parameter = handle.parameter()) return parameter_leaf(*parameter, where);
  if (handle.empty())
    throw Error(ErrorCode::stale_handle, op, "an operand was never recorded (a default-constructed Var)",
                where_text(labels_.current(), where, node_count()));
  throw Error(ErrorCode::wrong_tape, op, fmt::format("operands must be on one tape; %{} is on another", handle.index()),
              where_text(labels_.current(), where, node_count()));
}

Node TapeCore::blank_node(const OpRule& rule, Where where) const {
  Node node{};
  node.rule = &rule;
  node.where = where;
  node.context = labels_.current();
  node.generation = generation_;
  return node;
}

const std::int64_t* TapeCore::store_extents(const Shape& shape) {
  if (shape.rank() == 0) return nullptr;
  auto* extents = static_cast<std::int64_t*>(arena_.allocate(shape.rank() * 8));
  std::copy(shape.extents().begin(), shape.extents().end(), extents);
  return extents;
}

const std::int64_t* TapeCore::store_attrs(const Attrs& attrs) {
  const std::int64_t listed = attrs.list().size();
  const std::int64_t count = attrs.word_count() + listed;
  if (count == 0) return nullptr;
  auto* words = static_cast<std::int64_t*>(arena_.allocate((count + 1) * 8));
  *words++ = count;
  for (int i = 0; i < attrs.word_count(); ++i) words[i] = attrs.word_at(i);
  for (std::int64_t i = 0; i < listed; ++i) words[attrs.word_count() + i] = attrs.list()[i];
  return words;
}

Handle TapeCore::record(const OpRule& rule, std::span<const Handle> inputs, const Attrs& attrs, Where where) {
  const char* op = rule.info.name;
  require(rule.info.arity < 0 || static_cast<int>(inputs.size()) == rule.info.arity, ErrorCode::bad_argument, op,
          "needs {} operands; given {}", rule.info.arity, inputs.size());
  Mark start = mark();
  std::size_t leaves = leaves_.size();
  try {
    Node node = blank_node(rule, where);
    node.arity = static_cast<std::uint32_t>(inputs.size());
    std::uint32_t* into = node.pair;
    if (node.arity > 2) node.list = into = static_cast<std::uint32_t*>(arena_.allocate(node.arity * 4));
    for (std::uint32_t i = 0; i < node.arity; ++i) {
      into[i] = resolve(inputs[i], op, where);
      const Node& operand = nodes_[into[i]];
      node.flags |= operand.flags & (flag::needs_grad | flag::severed);
    }
    node.attrs = store_attrs(attrs);

    Call call{this, &rule, node.inputs(), node.arity, node_count(), node.attrs, node.attr_count(), where};
    if (rule.forward[static_cast<int>(type_)] == nullptr && rule.view == nullptr)
      fail_call(call, ErrorCode::unsupported, fmt::format("is not defined for {}", scalar_name(type_)));
    const Shape shape = rule.infer(InferArgs(call));
    const Node& first = nodes_[node.inputs()[0]];
    node.rank = static_cast<std::uint8_t>(shape.rank());
    const bool same =
        first.rank == node.rank && std::equal(shape.extents().begin(), shape.extents().end(), first.extents);
    node.extents = same ? first.extents : store_extents(shape);
    const std::int64_t offset = rule.view == nullptr ? -1 : rule.view(InferArgs(call));
    if (offset >= 0) {
      node.flags |= flag::view | (options_.keep_gradient_norms ? flag::own_grad : 0);
      node.pair[1] = gradient_owner(node.pair[0]);
      node.value = static_cast<std::byte*>(first.value) + offset * bytes_each();
    } else {
      if (node.has(flag::needs_grad) && rule.backward[static_cast<int>(type_)] == nullptr)
        node.flags = static_cast<std::uint16_t>((node.flags & ~flag::needs_grad) | flag::severed);
      const std::int64_t saved = rule.saved == nullptr ? 0 : rule.saved(InferArgs(call), shape);
      const std::int64_t value_bytes = shape.size() * bytes_each();
      node.value = arena_.allocate(saved == 0 ? value_bytes : round_up(value_bytes, 64) + saved * bytes_each());
    }
    nodes_.push_back(node);
    // The operand list may have moved with the vector where it is stored inline.
    const Node& kept = nodes_.back();
    call.inputs = kept.inputs();
    if (!kept.has(flag::view)) compute(call.node, call);
    return {this, call.node, generation_};
  } catch (...) {
    release_temporaries();
    nodes_.resize(start.nodes);
    arena_.rewind({start.chunk, start.offset});
    if (leaves_.size() > leaves) {
      leaves_.resize(leaves);
      index_leaves();
    }
    try {
      throw;
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::out_of_memory, op, "memory for the result could not be had",
                  where_text(labels_.current(), where, start.nodes));
    }
  }
}

void TapeCore::recompute(std::uint32_t from, std::uint32_t to) {
  for (Leaf& leaf : leaves_)
    if (leaf.version != leaf.parameter->version) {
      leaf.version = leaf.parameter->version;
      packed_weights_.restart();
    }
  for (std::uint32_t i = from; i < to; ++i) {
    const Node& node = nodes_[i];
    if (node.arity == 0 || node.has(flag::view)) continue;
    compute(i, {this, node.rule, node.inputs(), node.arity, i, node.attrs, node.attr_count(), node.where});
  }
}

void TapeCore::compute(std::uint32_t index, const Call& call) {
  call.rule->forward[static_cast<int>(type_)](call);
  if (!temporaries_.empty()) release_temporaries();
  if (watching() && has_nonfinite(type_, nodes_[index].value, nodes_[index].size())) report_nonfinite("forward", index);
}

void TapeCore::report_nonfinite(const char* direction, std::uint32_t index) {
  const Node& node = nodes_[index];
  const std::string where = where_text(node.context, node.where, index);
  if (first_nonfinite_.empty())
    first_nonfinite_ = fmt::format("{} of {}: first NaN or infinity; {}", direction, node.rule->info.name, where);
  if (options_.watch == Watch::raise)
    throw Error(ErrorCode::nonfinite, node.rule->info.name,
                fmt::format("the {} pass gave the first NaN or infinity", direction), where);
}

void* TapeCore::temporary(std::int64_t bytes) {
  if (temporaries_.size() == temporaries_.capacity()) temporaries_.reserve(2 * temporaries_.size() + 8);
  void* buffer = pool_.take(bytes);
  log_.take_scratch(bytes);
  temporaries_.push_back({buffer, bytes, false});
  return buffer;
}

void TapeCore::release_temporaries() noexcept {
  for (const Temporary& t : temporaries_)
    if (!t.held) pool_.give_back(t.buffer, t.bytes);
  temporaries_.clear();
}

Handle record(const OpRule& rule, std::span<const Handle> inputs, const Attrs& attrs, Where where) {
  return tape_of(inputs, rule.info.name).record(rule, inputs, attrs, where);
}

void fail_call(const Call& call, ErrorCode code, std::string_view what) {
  std::string shapes;
  const std::uint32_t shown = std::min(call.arity, 8u);
  for (std::uint32_t i = 0; i < shown; ++i)
    shapes += fmt::format("{}{}", i == 0 ? "" : ", ", call.tape->node(call.inputs[i]).shape().to_string());
  if (call.arity > shown) shapes += fmt::format(", ... ({} in all)", call.arity);
  throw Error(code, call.rule->info.name, fmt::format("{}; operands {}", what, shapes),
              call.tape->where_text(call.tape->labels().current(), call.where, call.node));
}

RawView node_view(const Call& call, std::uint32_t index) {
  const Node& node = call.tape->node(index);
  return {node.value, node.extents, node.size(), node.rank};
}

void* node_saved(const Call& call) {
  const Node& node = call.tape->node(call.node);
  return static_cast<std::byte*>(node.value) + call.tape->saved_offset(node);
}

void* temporary(const Call& call, std::int64_t bytes) { return call.tape->temporary(bytes); }

Shape shape_of(const Handle& x) {
  if (const ParameterCore* p = x.parameter()) return p->shape;
  require(x.tape() != nullptr, ErrorCode::stale_handle, "shape", "the Var was never recorded");
  return x.tape()->node(x.tape()->resolve(x, "shape", {})).shape();
}

const void* value_of(const Handle& x) {
  if (const ParameterCore* p = x.parameter()) return p->value.data();
  require(x.tape() != nullptr, ErrorCode::stale_handle, "values", "the Var was never recorded");
  return x.tape()->node(x.tape()->resolve(x, "values", {})).value;
}

std::string describe(const Handle& x) {
  if (const ParameterCore* p = x.parameter()) return p->name;
  return x.tape() == nullptr ? "%?" : fmt::format("%{}", x.index());
}

}  // namespace unspool::detail

namespace unspool {

ScalarType InferArgs::scalar() const { return call_.tape->type(); }

}  // namespace unspool
