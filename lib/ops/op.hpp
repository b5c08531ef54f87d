// All that an op's file includes.
#pragma once

#include "base/check.hpp"
#include "ops/op_rules.hpp"
#include "tensor/gemm.hpp"
#include "tensor/kernels.hpp"
#include "unspool/extend.hpp"
#include "unspool/maths.hpp"
#include "unspool/ops.hpp"

namespace unspool {

using detail::Handle;
using detail::record;

/// Rejects the call unless the rule holds: reject_unless(a, condition, code, format, values...). Values may be Shapes or lists.
template <class... Values>
void reject_unless(const InferArgs& a, bool holds, ErrorCode code,
                   fmt::format_string<detail::Printable<Values>...> text, const Values&... values) {
  if (!holds) [[unlikely]]
    a.fail(code, detail::message<Values...>(text, values...));
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
