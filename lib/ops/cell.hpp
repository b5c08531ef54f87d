// What the fused recurrent cells share: operands xg [B,G*H], h [B,H], (c [B,H],) w_hh [G*H,H], b_hh [G*H], where G is
// the number of gates and xg the input projection with its bias.
#pragma once

#include <algorithm>

#include "ops/op.hpp"
#include "tape/multiply.hpp"

namespace unspool {

/// Rejects operands of other shapes. `weight` is the position of w_hh: b_hh follows it, the states come before it.
inline void check_cell(const InferArgs& a, int gates, int weight) {
  const Shape h = a.shape(1);
  reject_unless(a, h.rank() == 2, ErrorCode::shape_mismatch, "h must be [B,H]; given {}", h);
  const std::int64_t B = h[0], H = h[1];
  const auto expect = [&](int operand, const char* name, const Shape& wanted) {
    reject_unless(a, a.shape(operand) == wanted, ErrorCode::shape_mismatch, "{} must be {} where h is {}; given {}",
                  name, wanted, h, a.shape(operand));
  };
  expect(0, "xg", {B, gates * H});
  if (weight == 3) expect(2, "c", {B, H});
  expect(weight, "w_hh", {gates * H, H});
  expect(weight + 1, "b_hh", {gates * H});
}

/// Operations of the recurrent product and of about `each` more for every gate.
inline std::int64_t cell_flops(const InferArgs& a, int gates, int each) {
  const std::int64_t B = a.shape(1)[0], H = a.shape(1)[1];
  return B * gates * H * (2 * H + each);
}

/// g (=|+=) h w_hh^T, with g [B,G*H]; `weight` is the position of w_hh.
template <class T>
void recurrent_product(const ForwardArgs<T>& a, View<const T> h, int weight, bool accumulate, T* g) {
  const View<const T> w_hh = a.x(weight);
  const std::int64_t B = h.extent(0), H = h.extent(1), width = w_hh.extent(0);
  detail::multiply<T>(a.call(), weight, false, true, B, width, H, h.data, w_hh.data, accumulate, g);
}

/// The gradients that every cell has, from d = d(loss)/d(h w_hh^T + b_hh) [B,G*H]: dh += d w_hh, dw_hh += d^T h,
/// db_hh += the column sums of d.
template <class T>
void add_recurrent_gradients(const BackwardArgs<T>& a, int weight, View<const T> d) {
  const View<const T> h = a.x(1), w_hh = a.x(weight);
  const std::int64_t B = h.extent(0), H = h.extent(1), width = d.extent(1);
  a.dx(1).add_product(false, false, B, H, width, d, w_hh);
  a.dx(weight).add_product(true, false, width, H, B, d, h);
  a.dx(weight + 1).add_columns(d);
}

/// A [B,width] matrix in the call's scratch.
template <class T>
View<const T> scratch_view(const T* data, const std::int64_t (&extents)[2]) {
  return {data, extents, extents[0] * extents[1], 2, owner_temporary};
}

}  // namespace unspool
