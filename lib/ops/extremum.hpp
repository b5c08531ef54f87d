// Extremum: what max and min share. Better{}(u, v) tells whether u beats v.
#pragma once

#include "ops/reduction.hpp"

namespace unspool {

template <class Better>
struct Extremum {
  static Shape infer(const InferArgs& a) {
    reject_unless(a, checked_axes(a, 1).count > 0, ErrorCode::bad_shape, "reduced axes must not be empty");
    return reduced_shape(a, 1);
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return a.shape(0).size(); }
  // A NaN beats everything, as in torch.amax.
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 1);
    const View<const T> x = a.x(0);
    T* const y = a.y().data;
    constexpr T worst = Better{}(1, 0) ? -HUGE_VAL : HUGE_VAL;
    if (Better{}(1, 0) && reduces_rows(axes))
      return kernels::kernel_table<T>().row_max(axes.kept, axes.count, x.data, y);
    kernels::kernel_table<T>().fill(axes.kept, worst, y);
    for_each_pair(x.dims(), axes,
                  [&](std::int64_t i, std::int64_t j) { y[j] = Better{}(x[i], y[j]) || x[i] != x[i] ? x[i] : y[j]; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    if (!a.needs(0)) return;
    const ReducedAxes axes = reduced_axes(a, 1);
    const View<const T> x = a.x(0), y = a.y(), dy = a.dy();
    T* const share = a.temporary(axes.kept);
    std::fill_n(share, axes.kept, T(0));
    for_each_pair(x.dims(), axes, [&](std::int64_t i, std::int64_t j) { share[j] += x[i] == y[j]; });
    for (std::int64_t j = 0; j < axes.kept; ++j) share[j] = dy[j] / share[j];
    // Where y is NaN nothing equals it: the share is dy / 0, and 0 times that is the NaN that torch gives too.
    add_pairs(a, axes, [&](std::int64_t i, std::int64_t j) { return (x[i] == y[j]) * share[j]; });
  }
};

}  // namespace unspool
