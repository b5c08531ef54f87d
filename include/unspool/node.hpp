// Node: one recorded operation. Public because what a rule reads is inlined into the rule; programs have no use for it.
#pragma once

#include "unspool/tape.hpp"

namespace unspool {

struct OpRule;

namespace detail {

namespace flag {
inline constexpr std::uint16_t needs_grad = 1;  // a parameter or variable leads here
inline constexpr std::uint16_t view = 2;  // the value lies inside operand 0's; so does the gradient, unless own_grad
inline constexpr std::uint16_t keep_grad = 4;   // the gradient stays readable after backward
inline constexpr std::uint16_t parameter = 8;   // leaf of a parameter; Node::parameter is set
inline constexpr std::uint16_t walked = 16;     // an earlier backward went through
inline constexpr std::uint16_t severed = 32;    // an op without derivative cut the gradient off on the way here
inline constexpr std::uint16_t own_grad = 64;   // a view with a gradient buffer of its own: its gradient is to be known
inline constexpr std::uint16_t pending = 128;   // the walk under way has reached it and not yet visited it
inline constexpr std::uint16_t held = 256;      // the deferred queues refer to its gradient buffer
inline constexpr std::uint16_t in_place = 512;  // value and gradient lie inside those of operand rule->info.in_place
}  // namespace flag

/// Everything of variable length lies in the tape's arena.
struct Node {
  static constexpr std::uint8_t listed_attrs = 2;

  const OpRule* rule;
  void* value;
  const std::int64_t* extents;  // extents[-1] is their product; shared with operand 0 where the shape is the same
  union {
    std::uint32_t leaf;             // of a parameter leaf, its number among them
    std::int64_t attr;              // the only attribute
    const std::int64_t* attr_list;  // several, or a list; attr_list[-1] is their number
  };
  Where where;
  union {
    std::uint32_t pair[2];  // operands, up to two; of a view, operand 0 and the node whose gradient buffer it lies in
    const std::uint32_t* list;  // more than two
    ParameterCore* parameter;   // of a parameter leaf
  };
  std::uint32_t context;     // step and scope, an index into Labels
  std::uint32_t generation;  // tells a stale handle
  std::uint32_t arity;
  std::uint8_t rank;
  std::uint8_t attr_words;  // 0, 1 or listed_attrs
  std::uint16_t flags;

  const std::uint32_t* inputs() const { return arity <= 2 ? pair : list; }
  bool has(std::uint16_t bits) const { return (flags & bits) != 0; }
  bool owns_value() const { return !has(flag::view | flag::in_place); }
  bool shares_gradient() const { return has(flag::in_place) || (flags & (flag::view | flag::own_grad)) == flag::view; }
  std::int64_t size() const { return extents[-1]; }
  Shape shape() const { return Shape::trusted(extents, rank); }

  const std::int64_t* attrs() const { return attr_words == listed_attrs ? attr_list : &attr; }
  std::int64_t attr_count() const { return attr_words == listed_attrs ? attr_list[-1] : attr_words; }
  /// What the rule keeps beside y begins so many bytes after y does.
  std::int64_t saved_offset(std::int64_t bytes_each) const { return (size() * bytes_each + 63) / 64 * 64; }
  void* saved(std::int64_t bytes_each) const { return static_cast<std::byte*>(value) + saved_offset(bytes_each); }
};

static_assert(sizeof(Node) == 64);

/// One call of a rule's function: the node it is about, and the arrays of the tape that hold its operands.
struct Call {
  TapeCore* tape;
  const Node* node;
  const Node* nodes;       // of the tape
  void* const* gradients;  // one for each of them, null where there is none; used by backward only
  std::uint32_t index;     // of the node
};

}  // namespace detail
}  // namespace unspool
