// Extremum: what max and min share, and maximum and minimum, the same of two operands. Better is std::greater<> or
// std::less<>: whether one value beats another.
#pragma once

#include <functional>

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

template <class Better>
struct PairExtremum {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto x0 = a.x(0), x1 = a.x(1);
    const auto& k = kernels::kernel_table<T>();
    if (x0.size == a.y().size && x1.size == a.y().size)
      (Better{}(1, 0) ? k.maximum : k.minimum)(a.y().size, x0.data, x1.data, a.y().data);
    else
      map(x0, x1, a.y(), [](T u, T v) { return Better{}(u, v) || maths::isnan(u) ? u : v; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    // What an element receives of dy, given its own value and the other operand's.
    const auto share = [](T dy, T own, T other) { return own == other ? dy / 2 : Better{}(other, own) ? T{0} : dy; };
    a.dx(0).add_map(a.dy(), a.x(0), a.x(1), share);
    a.dx(1).add_map(a.dy(), a.x(1), a.x(0), share);
  }
};

inline constexpr const char* extremum_samples =
    "[3,4] keepdims=0 axes=[]; [3,4] keepdims=0 axes=[0]; [3,4] keepdims=1 axes=[-1];"
    "[2,3,4] keepdims=0 axes=[1]; [2,3,4] keepdims=1 axes=[0,2]; [0,3] keepdims=0 axes=[1];"
    "[1,1] keepdims=0 axes=[1]; [] keepdims=0 axes=[]";
inline constexpr const char* pair_extremum_samples =
    "[3,4] in 0..1 [3,4] in 1.1..2; [3,4] in 1.1..2 [4] in 0..1; [2,1,3] in 0..1 [4,1] in 1.1..2;"
    "[] in 1.1..2 [2,2] in 0..1; [1] [] in 3..4; [0,3] [3]";

}  // namespace unspool
