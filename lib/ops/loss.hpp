// What the elementwise losses share: x and a target of the same shape, and the reduction in attribute word 0.
#pragma once

#include <algorithm>

#include "ops/op.hpp"

namespace unspool {

inline Reduction reduction_of(const detail::ArgsBase& a, int k = 0) { return static_cast<Reduction>(a.integer(k)); }

inline void check_reduction(const InferArgs& a, int k = 0) {
  reject_unless(a, a.integer(k) >= 0 && a.integer(k) <= static_cast<int>(Reduction::none), ErrorCode::bad_argument,
                "reduction must be mean, sum or none; given {}", a.integer(k));
}

/// A shape that broadcasts is rejected: [B,1] against [B] would silently compare every pair.
inline Shape loss_shape(const InferArgs& a) {
  reject_unless(a, a.shape(0) == a.shape(1), ErrorCode::shape_mismatch, "x and target must have one shape");
  check_reduction(a);
  return reduction_of(a) == Reduction::none ? a.shape(0) : Shape();
}

/// y from block(i, n, values), which writes the losses of elements i .. i + n - 1; the mean is over `count` of them.
template <class T, class F>
void reduce_loss(const ForwardArgs<T>& a, F block, std::int64_t count) {
  constexpr std::int64_t most = 1024;
  const std::int64_t size = a.x(0).size;
  T* const y = a.y().data;
  if (reduction_of(a) == Reduction::none) {
    for (std::int64_t i = 0; i < size; i += most) block(i, std::min(most, size - i), y + i);
    return;
  }
  T losses[most];
  Wide<T> total = 0;
  for (std::int64_t i = 0; i < size; i += most) {
    const std::int64_t n = std::min(most, size - i);
    block(i, n, losses);
    total += static_cast<Wide<T>>(kernels::kernel_table<T>().sum(n, losses));
  }
  y[0] = static_cast<T>(reduction_of(a) == Reduction::mean ? total / static_cast<double>(count) : total);
}
template <class T, class F>
void reduce_loss(const ForwardArgs<T>& a, F block) {
  reduce_loss(a, block, a.x(0).size);
}

/// dx(operand) += d(loss)/d(element) * slope(i) for a mean over `count` elements.
template <class T, class F>
void add_loss_gradient(const BackwardArgs<T>& a, int operand, F slope, std::int64_t count) {
  bool first;
  T* const dx = a.dx(operand).touch(first);
  if (dx == nullptr) return;
  const std::int64_t size = a.x(operand).size;
  const T* const dy = a.dy().data;
  const auto add = [&](auto each) {
    if (first)
      for (std::int64_t i = 0; i < size; ++i) dx[i] = each(i);
    else
      for (std::int64_t i = 0; i < size; ++i) dx[i] += each(i);
  };
  if (reduction_of(a) == Reduction::none) return add([&](std::int64_t i) { return dy[i] * slope(i); });
  const T share = reduction_of(a) == Reduction::mean ? dy[0] / static_cast<T>(count) : dy[0];
  add([&](std::int64_t i) { return share * slope(i); });
}
template <class T, class F>
void add_loss_gradient(const BackwardArgs<T>& a, int operand, F slope) {
  add_loss_gradient(a, operand, slope, a.x(0).size);
}

}  // namespace unspool
