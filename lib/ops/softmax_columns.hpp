// What softmax and log_softmax share: the two ways that distributions lie in memory. Along the last axis they are rows.
// Along another one the elements of one distribution are `after` apart, so a whole slab [extent, after] of them is worked
// on together and the passes stay as long as the memory allows.
#pragma once

#include "ops/op.hpp"

namespace unspool {

/// y[e, c] = x[e, c] - max over e of x[e, c]; `most` is scratch of `after` numbers.
template <class T>
void subtract_column_max(std::int64_t extent, std::int64_t after, const T* x, T* y, T* most) {
  const auto& k = kernels::kernel_table<T>();
  k.fill(after, static_cast<T>(-HUGE_VAL), most);
  for (std::int64_t e = 0; e < extent; ++e) k.maximum(after, most, x + e * after, most);
  for (std::int64_t e = 0; e < extent; ++e) k.sub(after, x + e * after, most, y + e * after);
}

/// sums[c] = sum over e of x[e, c].
template <class T>
void column_sums(std::int64_t extent, std::int64_t after, const T* x, T* sums) {
  kernels::kernel_table<T>().column_sums(extent, after, x, after, sums, false);
}

/// An op over the distributions along attribute 0, an axis. Rule names the kernels of rows and has those of one slab,
/// slab() and slab_grad(); their scratch is a row [after], then, always backward and forward if it says so, a slab.
template <class Rule>
struct AlongAxis {
  static Shape infer(const InferArgs& a) {
    axis_of(a, 0);
    return a.shape(0);
  }
  static std::int64_t flops(const InferArgs&, const Shape& y) { return 4 * y.size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T* const x = a.x(0).data;
    T* const y = a.y().data;
    const AxisView v = along(a.x(0).dims(), static_cast<int>(a.integer(0)));
    const auto& k = kernels::kernel_table<T>();
    if (v.after == 1) return Rule::rows(k)(v.before, v.extent, x, y);
    const std::int64_t each = v.extent * v.after;
    T* const scratch = a.temporary(v.after + (Rule::slab_in_forward ? each : 0));
    for (std::int64_t at = 0; at < v.before * each; at += each)
      Rule::slab(k, v.extent, v.after, x + at, y + at, scratch);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const T* const dy = a.dy().data;
    const T* const y = a.y().data;
    const AxisView v = along(a.y().dims(), static_cast<int>(a.integer(0)));
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx == nullptr) return;
    const auto& k = kernels::kernel_table<T>();
    if (v.after == 1) return Rule::rows_grad(k)(v.before, v.extent, dy, y, dx, !first);
    const std::int64_t each = v.extent * v.after;
    T* const scratch = a.temporary(v.after + each);
    for (std::int64_t at = 0; at < v.before * each; at += each)
      Rule::slab_grad(k, v.extent, v.after, dy + at, y + at, dx + at, !first, scratch);
  }
};

inline constexpr const char* along_axis_samples =
    "[3,4] axis=-1; [3,4] axis=0; [2,3,4] axis=1; [2,17] in -9..9 axis=1; [3,1] axis=1; [5] axis=0; [0,3] axis=1;"
    "[3,0] axis=1; [0,3] axis=0";

}  // namespace unspool
