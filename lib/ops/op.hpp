// All that an op's file includes.
#pragma once

#include <fmt/core.h>

#include <cmath>

#include "base/text.hpp"
#include "ops/op_rules.hpp"
#include "tensor/gemm.hpp"
#include "tensor/kernels.hpp"
#include "unspool/extend.hpp"
#include "unspool/ops.hpp"

namespace unspool {

using detail::Handle;
using detail::record;

namespace detail {

// A Shape or list is turned into text only where the message is needed: building it on the way of every call that succeeds was
// a third of all instructions of a small LSTM.
inline std::string printable(const Shape& shape) { return shape.to_string(); }
inline std::string printable(std::span<const std::int64_t> list) { return bracketed(list); }
template <class Value>
const Value& printable(const Value& value) {
  return value;
}
template <class Value>
using Printable = std::decay_t<decltype(printable(std::declval<const Value&>()))>;

}  // namespace detail

/// Rejects the call unless the rule holds: reject_unless(a, condition, code, format, values...). Values may be Shapes or lists.
template <class... Values>
void reject_unless(const InferArgs& a, bool holds, ErrorCode code,
                   fmt::format_string<detail::Printable<Values>...> text, const Values&... values) {
  if (!holds) [[unlikely]]
    a.fail(code, fmt::vformat(text, fmt::make_format_args(detail::printable(values)...)));
}

/// The shape that operands i and j broadcast to; rejects the call where they do not.
inline Shape broadcast_shape(const InferArgs& a, int i, int j) {
  Shape result;
  if (!broadcast(a.shape(i), a.shape(j), result)) a.fail(ErrorCode::shape_mismatch, "shapes must broadcast");
  return result;
}

/// Attribute k as an axis of operand 0, counted from the front; rejects one that is out of range.
inline int axis_of(const InferArgs& a, int k) {
  const int rank = a.shape(0).rank();
  const std::int64_t axis = a.integer(k);
  reject_unless(a, axis >= -rank && axis < rank, ErrorCode::bad_axis, "axis must be in {}..{}; given {}", -rank,
                rank - 1, axis);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

/// A tensor seen along one axis: [before, extent, after].
struct AxisView {
  std::int64_t before = 1;
  std::int64_t extent = 1;
  std::int64_t after = 1;
};

inline AxisView along(std::span<const std::int64_t> extents, int axis) {
  AxisView v;
  if (axis < 0) axis += static_cast<int>(extents.size());
  for (int i = 0; i < static_cast<int>(extents.size()); ++i)
    (i < axis ? v.before : i == axis ? v.extent : v.after) *= extents[i];
  return v;
}

}  // namespace unspool
