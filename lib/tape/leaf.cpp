// Leaves: inputs, variables, constants and the one leaf a parameter has on each tape.
#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/with_scalar.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {

constinit const OpRule input_rule{.info = {.name = "input", .arity = 0, .reads = Reads::neither}};
constinit const OpRule variable_rule{.info = {.name = "variable", .arity = 0, .reads = Reads::neither}};
constinit const OpRule constant_rule{.info = {.name = "constant", .arity = 0, .reads = Reads::neither}};
constinit const OpRule parameter_rule{.info = {.name = "parameter", .arity = 0, .reads = Reads::neither}};

Handle TapeCore::record_leaf(const OpRule& rule, const Shape& shape, const void* values, std::uint16_t flags,
                             Where where) {
  const Start start{node_count(), static_cast<std::uint32_t>(leaves_.size()), arena_.position()};
  try {
    Node& node = append(rule, where);
    node.flags = flags;
    node.rank = static_cast<std::uint8_t>(shape.rank());
    node.extents = store_extents(shape);
    const std::int64_t bytes = shape.size() * bytes_each();
    node.value = arena_.allocate(bytes);
    if (values != nullptr && bytes > 0) std::memcpy(node.value, values, static_cast<std::size_t>(bytes));
    return {this, start.nodes, generation_};
  } catch (const std::bad_alloc&) {
    undo(start);
    throw Error(ErrorCode::out_of_memory, rule.info.name, "memory for " + shape.to_string() + " could not be had",
                where_text(labels_.current(), where, start.nodes));
  }
}

Handle record_leaf(TapeCore& tape, const Shape& shape, const void* values, bool variable, Where where) {
  return record_leaf(tape, shape, tape.type(), values, variable, where);
}

Handle record_leaf(TapeCore& tape, const Shape& shape, ScalarType type, const void* values, bool variable,
                   Where where) {
  const bool same = type == tape.type();
  const Handle leaf = tape.record_leaf(variable ? variable_rule : input_rule, shape, same ? values : nullptr,
                                       variable ? flag::needs_grad | flag::keep_grad : 0, where);
  if (same) return leaf;
  with_scalar(type, [&]<class From>() {
    if constexpr (RealScalar<From>)
      std::copy_n(static_cast<const From*>(values), shape.size(),
                  static_cast<Dual<double>*>(tape.node(leaf.index()).value));
  });
  return leaf;
}

Handle record_constant(TapeCore& tape, const Shape& shape, double value, Where where) {
  const Handle leaf = tape.record_leaf(constant_rule, shape, nullptr, 0, where);
  void* values = tape.node(leaf.index()).value;
  with_scalar(tape.type(),
              [&]<class T>() { std::fill_n(static_cast<T*>(values), shape.size(), static_cast<T>(value)); });
  return leaf;
}

Handle record_parameter(TapeCore& tape, ParameterCore& parameter, Where where) try {
  const std::uint32_t leaf = tape.parameter_leaf(parameter, where);
  return {&tape, leaf, tape.node(leaf).generation};
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "parameter", "memory for the leaf of {} could not be had", parameter.name);
}

void fail_leaf_size(const Shape& shape, std::size_t given) {
  fail(ErrorCode::shape_mismatch, "input", "shape {} holds {} values; given {}", shape.to_string(), shape.size(),
       given);
}

// A small open-addressing table from parameter to leaf. Stamps make forgetting everything O(1).
TapeCore::LeafSlot& TapeCore::leaf_slot(const ParameterCore* parameter) {
  const std::size_t mask = leaf_slots_.size() - 1;
  std::size_t at = (reinterpret_cast<std::uintptr_t>(parameter) * 0x9E3779B97F4A7C15ull >> 32) & mask;
  while (leaf_slots_[at].stamp == leaf_stamp_ && leaf_slots_[at].parameter != parameter) at = (at + 1) & mask;
  return leaf_slots_[at];
}

void TapeCore::index_leaves() {
  // A power of two, for the mask.
  if (leaf_slots_.size() < 2 * leaves_.size() + 2)
    leaf_slots_.resize(std::bit_ceil(std::max<std::size_t>(64, 4 * leaves_.size())));
  ++leaf_stamp_;
  for (std::uint32_t i = 0; i < leaves_.size(); ++i)
    leaf_slot(leaves_[i].parameter.get()) = {leaves_[i].parameter.get(), leaf_stamp_, i};
}

std::uint32_t TapeCore::parameter_leaf(ParameterCore& parameter, Where where) {
  if (leaf_slots_.size() < 2 * leaves_.size() + 2) index_leaves();
  LeafSlot& slot = leaf_slot(&parameter);
  if (slot.stamp == leaf_stamp_) {
    Leaf& leaf = leaves_[slot.leaf];
    // Reading a parameter that was written since its leaf was recorded would mix two values in one gradient.
    if (leaf.version != parameter.version)
      throw Error(ErrorCode::parameter_changed, "parameter",
                  parameter.name + " was written after this tape first read it; reset the tape first",
                  where_text(labels_.current(), where, node_count()));
    return leaf.node;
  }
  require(parameter.type == type_, ErrorCode::unsupported, "parameter", "{} is {} and the tape is {}", parameter.name,
          scalar_name(parameter.type), scalar_name(type_));
  const Start start{node_count(), static_cast<std::uint32_t>(leaves_.size()), arena_.position()};
  try {
    Node& node = append(parameter_rule, where);
    node.context = 0;  // shared by all steps, so it belongs to none
    node.flags = static_cast<std::uint16_t>(flag::parameter | (parameter.trainable ? flag::needs_grad : 0));
    node.rank = static_cast<std::uint8_t>(parameter.shape.rank());
    node.extents = store_extents(parameter.shape, main_arena());
    node.value = parameter.value.data();
    node.parameter = &parameter;
    node.leaf = start.leaves;
    leaves_.push_back({Shared<ParameterCore>::of(parameter), start.nodes, parameter.version});
  } catch (...) {
    undo(start);
    throw;
  }
  slot = {&parameter, leaf_stamp_, start.leaves};
  return start.nodes;
}

std::uint32_t TapeCore::record_shape(const Shape& shape) {
  Node& node = append(input_rule, {});
  node.rank = static_cast<std::uint8_t>(shape.rank());
  node.extents = store_extents(shape);
  return node_count() - 1;
}

}  // namespace unspool::detail
