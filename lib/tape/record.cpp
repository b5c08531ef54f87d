// Recording: operands are resolved, the shape is inferred, memory is taken, the value is computed. A failure at any
// point leaves the tape as it was.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {
namespace {

// Handles and gradient owners are signed 32-bit numbers somewhere.
constexpr std::size_t max_nodes = std::size_t{1} << 31;

// A scalar's list of extents is empty and has its product in front like any other.
constexpr std::int64_t scalar_extents[] = {1};

TapeCore& tape_of(std::span<const Handle> inputs, const char* op) {
  require(!inputs.empty(), ErrorCode::bad_argument, op, "needs at least one operand; given none");
  for (const Handle& input : inputs)
    if (TapeCore* tape = input.tape()) return *tape;
  for (const Handle& input : inputs)
    require(!input.empty(), ErrorCode::stale_handle, op, "an operand was never recorded (a default-constructed Var)");
  fail(ErrorCode::wrong_tape, op, "an operand must be recorded on a tape; all {} are parameters", inputs.size());
}

// Not std::equal: its call of memcmp costs more than the few numbers.
bool equal_extents(const Node& a, const std::int64_t* extents, int rank) {
  if (a.rank != rank) return false;
  for (int axis = 0; axis < rank; ++axis)
    if (a.extents[axis] != extents[axis]) return false;
  return true;
}

bool elementwise_on_equal_shapes(const Call& call) {
  if (!call.node->rule->elementwise) return false;
  const std::uint32_t* inputs = call.node->inputs();
  const Node& first = call.nodes[inputs[0]];
  for (std::uint32_t i = 1; i < call.node->arity; ++i) {
    const Node& other = call.nodes[inputs[i]];
    if (other.extents != first.extents && !equal_extents(first, other.extents, other.rank)) return false;
  }
  return true;
}

}  // namespace

[[gnu::cold]] void TapeCore::grow_nodes() {
  if (nodes_.size() >= max_nodes) throw std::bad_alloc();
  nodes_.reserve(std::max<std::size_t>(64, 2 * nodes_.size()));
}

// The steps of record(), which every small op pays for: calls between them would double its cost.
#define UNSPOOL_STEP [[gnu::always_inline]] inline

// Operands before the node: a parameter's first use records its leaf.
UNSPOOL_STEP Node& TapeCore::append_op(const OpRule& rule, std::span<const Handle> inputs, Where where) {
  const std::uint32_t arity = static_cast<std::uint32_t>(inputs.size());
  std::uint32_t pair[2] = {};
  std::uint32_t* const into = arity <= 2 ? pair : static_cast<std::uint32_t*>(arena_.allocate(arity * 4));
  std::uint16_t flags = 0;
  for (std::uint32_t i = 0; i < arity; ++i) {
    into[i] = resolve(inputs[i], rule.info.name, where);
    flags |= nodes_[into[i]].flags;
  }
  Node& node = append(rule, where);
  node.arity = arity;
  node.flags = flags & (flag::needs_grad | flag::severed);
  if (arity <= 2)
    node.pair[0] = pair[0], node.pair[1] = pair[1];
  else
    node.list = into;
  return node;
}

const std::int64_t* TapeCore::store_extents(const Shape& shape, Arena& arena) {
  if (shape.rank() == 0) return scalar_extents + 1;
  auto* extents = static_cast<std::int64_t*>(arena.allocate((shape.rank() + 1) * 8));
  *extents++ = shape.size();
  for (int axis = 0; axis < shape.rank(); ++axis) extents[axis] = shape.extents()[axis];
  return extents;
}

UNSPOOL_STEP void TapeCore::set_attrs(Node& node, const Attrs& attrs) {
  const std::int64_t words = attrs.word_count(), listed = attrs.list().size();
  if (words + listed == 0) return;
  if (words == 1 && listed == 0) {
    node.attr_words = 1;
    node.attr = attrs.word_at(0);
    return;
  }
  list_attrs(node, attrs);
}

void TapeCore::list_attrs(Node& node, const Attrs& attrs) {
  const std::int64_t words = attrs.word_count(), listed = attrs.list().size();
  auto* all = static_cast<std::int64_t*>(arena_.allocate((words + listed + 1) * 8));
  *all++ = words + listed;
  for (int i = 0; i < words; ++i) all[i] = attrs.word_at(i);
  for (std::int64_t i = 0; i < listed; ++i) all[words + i] = attrs.list()[i];
  node.attr_words = Node::listed_attrs;
  node.attr_list = all;
}

UNSPOOL_STEP void TapeCore::set_shape(const Call& call, Node& node) {
  const Node& first = nodes_[node.inputs()[0]];
  node.extents = first.extents;
  node.rank = first.rank;
  if (!elementwise_on_equal_shapes(call)) infer_shape(call, node);
}

void TapeCore::infer_shape(const Call& call, Node& node) {
  const Shape shape = node.rule->infer(InferArgs(call));
  if (equal_extents(node, shape.extents().data(), shape.rank())) return;  // those of operand 0
  node.extents = store_extents(shape);
  node.rank = static_cast<std::uint8_t>(shape.rank());
}

Shape TapeCore::infer_unrecorded(const OpRule& rule, std::span<const std::uint32_t> operands, const std::int64_t* attrs,
                                 std::uint32_t index) {
  Node node{};
  node.rule = &rule;
  node.arity = static_cast<std::uint32_t>(operands.size());
  if (node.arity > 2) node.list = operands.data();
  if (node.arity <= 2) std::copy(operands.begin(), operands.end(), node.pair);
  node.attr_words = Node::listed_attrs;
  node.attr_list = attrs;
  return rule.infer(InferArgs(Call{this, &node, nodes_.data(), nullptr, index}));
}

bool TapeCore::set_view(const Call& call, Node& node) {
  const std::int64_t offset = node.rule->view(InferArgs(call));
  if (offset < 0) return false;
  node.flags |= flag::view | (observed() ? flag::own_grad : 0);
  node.pair[1] = gradient_owner(node.pair[0]);
  node.value = static_cast<std::byte*>(nodes_[node.pair[0]].value) + offset * bytes_each();
  return true;
}

UNSPOOL_STEP void TapeCore::set_memory(const Call& call, Node& node) {
  const OpRule& rule = *node.rule;
  if (rule.place != nullptr) [[unlikely]] {
    node.flags |= flag::in_place;
    node.value = static_cast<std::byte*>(nodes_[node.inputs()[rule.info.in_place]].value) +
                 rule.place(InferArgs(call)) * bytes_each();
    return;
  }
  if (node.has(flag::needs_grad) && rule.backward[static_cast<int>(type_)] == nullptr)
    node.flags = static_cast<std::uint16_t>((node.flags & ~flag::needs_grad) | flag::severed);
  const std::int64_t bytes = node.size() * bytes_each();
  const std::int64_t saved = rule.saved == nullptr ? 0 : rule.saved(InferArgs(call), node.shape()) * bytes_each();
  node.value = arena_.allocate(saved == 0 ? bytes : node.saved_offset(bytes_each()) + saved);
}

UNSPOOL_STEP void TapeCore::compute(const Call& call) {
  call.node->rule->forward[static_cast<int>(type_)](call);
  if (!temporaries_.empty()) release_temporaries();
  if (watching()) [[unlikely]]
    watch_value(call.index);
}

Handle TapeCore::record(const OpRule& rule, std::span<const Handle> inputs, const Attrs& attrs, Where where) {
  if (rule.info.arity >= 0 && static_cast<int>(inputs.size()) != rule.info.arity) [[unlikely]]
    fail(ErrorCode::bad_argument, rule.info.name, "needs {} operands; given {}", rule.info.arity, inputs.size());
  const Start start{node_count(), static_cast<std::uint32_t>(leaves_.size()), arena_.position()};
  try {
    Node& node = append_op(rule, inputs, where);
    const std::uint32_t index = node_count() - 1;
    const Call call{this, &node, nodes_.data(), nullptr, index};
    set_attrs(node, attrs);
    if (rule.forward[static_cast<int>(type_)] == nullptr && rule.view == nullptr) [[unlikely]]
      fail_call(call, ErrorCode::unsupported, fmt::format("is not defined for {}", scalar_name(type_)));
    set_shape(call, node);
    if (rule.view == nullptr || !set_view(call, node)) {
      set_memory(call, node);
      compute(call);
    }
    return {this, index, generation_};
  } catch (...) {
    undo(start);
    explain_failure(rule, where);
  }
}

Handle TapeCore::record_again(std::uint32_t like, int which, std::uint32_t input, std::span<const std::int64_t> attrs) {
  const Start start{node_count(), static_cast<std::uint32_t>(leaves_.size()), arena_.position()};
  try {
    if (nodes_.size() == nodes_.capacity()) [[unlikely]]
      grow_nodes();
    const Node& first = nodes_[like];
    const std::int64_t words = first.attr_list[-1];
    auto* const list = static_cast<std::uint32_t*>(arena_.allocate(first.arity * 4));
    auto* const all = static_cast<std::int64_t*>(arena_.allocate((words + 1) * 8));
    std::memcpy(list, first.list, first.arity * sizeof(*list));
    list[which] = input;
    std::memcpy(all, first.attr_list - 1, static_cast<std::size_t>(words + 1) * sizeof(*all));
    for (std::size_t i = 0; i < attrs.size(); ++i) all[i + 1] = attrs[i];
    Node& node = nodes_.emplace_back(first);
    node.list = list;
    node.attr_list = all + 1;
    node.context = labels_.current();
    node.generation = generation_;
    node.flags &= flag::needs_grad | flag::severed;
    const Call call{this, &node, nodes_.data(), nullptr, start.nodes};
    set_memory(call, node);
    compute(call);
    return {this, start.nodes, generation_};
  } catch (...) {
    const OpRule& rule = *nodes_[like].rule;
    const Where where = nodes_[like].where;
    undo(start);
    explain_failure(rule, where);
  }
}

void TapeCore::recompute(std::uint32_t from, std::uint32_t to) {
  for (Leaf& leaf : leaves_)
    if (leaf.version != leaf.parameter->version) {
      leaf.version = leaf.parameter->version;
      packed_weights_.restart();
    }
  Call call{this, nullptr, nodes_.data(), nullptr, 0};
  for (std::uint32_t i = from; i < to; ++i) {
    if (nodes_[i].arity == 0 || nodes_[i].has(flag::view)) continue;
    call.node = &nodes_[i];
    call.index = i;
    compute(call);
  }
}

[[gnu::cold]] void TapeCore::undo(const Start& start) noexcept {
  release_temporaries();
  nodes_.resize(start.nodes);
  arena_.rewind(start.arena);
  if (drawn_for_ == start.nodes) --draws_, drawn_for_ = no_node;
  if (leaves_.size() == start.leaves) return;
  leaves_.resize(start.leaves);
  packed_weights_.forget_from(start.leaves);
  index_leaves();
}

// Throws the exception under way again, one that ran out of memory as an Error.
[[gnu::cold]] void TapeCore::explain_failure(const OpRule& rule, Where where) const try {
  throw;
} catch (const std::bad_alloc&) {
  throw Error(ErrorCode::out_of_memory, rule.info.name, "memory for the result could not be had",
              where_text(labels_.current(), where, node_count()));
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
  TapeCore* tape = inputs.empty() ? nullptr : inputs[0].tape();
  return (tape != nullptr ? *tape : tape_of(inputs, rule.info.name)).record(rule, inputs, attrs, where);
}

Shape infer_elementwise(const InferArgs& a) {
  Shape shape = a.shape(0);
  for (int i = 1; i < a.arity(); ++i)
    if (!broadcast(shape, a.shape(i), shape)) a.fail(ErrorCode::shape_mismatch, "shapes must broadcast");
  return shape;
}

[[gnu::cold]] void fail_call(const Call& call, ErrorCode code, std::string_view what) {
  const Node& node = *call.node;
  std::string shapes;
  const std::uint32_t shown = std::min(node.arity, 8u);
  for (std::uint32_t i = 0; i < shown; ++i)
    shapes += fmt::format("{}{}", i == 0 ? "" : ", ", call.nodes[node.inputs()[i]].shape().to_string());
  if (node.arity > shown) shapes += fmt::format(", ... ({} in all)", node.arity);
  throw Error(code, node.rule->info.name, fmt::format("{}; operands {}", what, shapes),
              call.tape->where_text(call.tape->labels().current(), node.where, call.index));
}

void* temporary(const Call& call, std::int64_t bytes) { return call.tape->temporary(bytes); }

}  // namespace unspool::detail

namespace unspool {

ScalarType InferArgs::scalar() const { return call_.tape->type(); }

}  // namespace unspool
