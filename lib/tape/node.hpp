// Node: one recorded operation. Everything of variable length lies in the tape's arena.
#pragma once

#include "unspool/extend.hpp"

namespace unspool::detail {

namespace flag {
inline constexpr std::uint16_t needs_grad = 1;  // a parameter or variable leads here
inline constexpr std::uint16_t view = 2;  // the value lies inside operand 0's; so does the gradient, unless own_grad
inline constexpr std::uint16_t keep_grad = 4;  // the gradient stays readable after backward
inline constexpr std::uint16_t parameter = 8;  // leaf of a parameter; `parameter_` is set
inline constexpr std::uint16_t walked = 16;    // an earlier backward went through
inline constexpr std::uint16_t severed = 32;   // an op without derivative cut the gradient off on the way here
inline constexpr std::uint16_t own_grad = 64;  // a view with a gradient buffer of its own: its gradient is to be known
inline constexpr std::uint16_t pending = 128;  // the walk under way has reached it and not yet visited it
}  // namespace flag

struct Node {
  const OpRule* rule;
  void* value;
  const std::int64_t* extents;  // shared with operand 0 where the shape is the same
  const std::int64_t* attrs;    // attrs[-1] is their number; null when there are none
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
  std::uint16_t flags;

  const std::uint32_t* inputs() const { return arity <= 2 ? pair : list; }
  bool has(std::uint16_t bit) const { return (flags & bit) != 0; }
  bool shares_gradient() const { return (flags & (flag::view | flag::own_grad)) == flag::view; }
  std::int64_t size() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= extents[i];
    return n;
  }
  Shape shape() const { return Shape::trusted(extents, rank); }
  std::int64_t attr_count() const { return attrs == nullptr ? 0 : attrs[-1]; }
};

static_assert(sizeof(Node) <= 64);

}  // namespace unspool::detail
