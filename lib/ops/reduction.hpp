// What reductions share: the axes named by attributes, and loops over a tensor and its reduced form together.
#pragma once

#include <algorithm>

#include "ops/op.hpp"

namespace unspool {

/// The axes attribute of an op, for Attrs::with().
inline Ids axis_ids(const Axes& axes) {
  return std::span<const std::int32_t>(axes.begin(), static_cast<std::size_t>(axes.size()));
}

/// A shape and the axes of it that are reduced; none listed means all.
struct ReducedAxes {
  std::int64_t extents[Shape::max_rank] = {};  // the shape's, with 1 where an axis is reduced
  std::int64_t kept = 1;                       // elements of the result
  std::int64_t count = 1;                      // elements that are reduced into one
  int rank = 0;
  bool reduced[Shape::max_rank] = {};

  ReducedAxes(std::span<const std::int64_t> shape, std::span<const std::int64_t> axes)
      : rank(static_cast<int>(shape.size())) {
    for (const std::int64_t axis : axes) reduced[axis < 0 ? axis + rank : axis] = true;
    for (int i = 0; i < rank; ++i) {
      reduced[i] = reduced[i] || axes.empty();
      extents[i] = reduced[i] ? 1 : shape[i];
      (reduced[i] ? count : kept) *= shape[i];
    }
  }
  std::span<const std::int64_t> dims() const { return {extents, static_cast<std::size_t>(rank)}; }
};

/// The axes in list attribute k of a call whose infer has accepted them.
template <class Args>
ReducedAxes reduced_axes(const Args& a, int k) {
  return ReducedAxes(a.x(0).dims(), a.list(k));
}

/// Rejects axes that are out of range or named twice.
inline ReducedAxes checked_axes(const InferArgs& a, int k) {
  const Shape x = a.shape(0);
  const int rank = x.rank();
  bool seen[Shape::max_rank] = {};
  for (const std::int64_t axis : a.list(k)) {
    reject_unless(a, axis >= -rank && axis < rank, ErrorCode::bad_axis, "axes must be in {}..{}; given {}", -rank,
                  rank - 1, axis);
    bool& twice = seen[axis < 0 ? axis + rank : axis];
    reject_unless(a, !twice, ErrorCode::bad_axis, "axes must differ; {} is named twice", axis);
    twice = true;
  }
  return ReducedAxes(x.extents(), a.list(k));
}

/// The result's shape for list attribute k, with the flag keepdims in the word before it.
inline Shape reduced_shape(const InferArgs& a, int k) {
  const ReducedAxes axes = checked_axes(a, k);
  if (a.flag(k - 1)) return Shape(axes.dims());
  std::int64_t extents[Shape::max_rank];
  int rank = 0;
  for (int i = 0; i < axes.rank; ++i)
    if (!axes.reduced[i]) extents[rank++] = axes.extents[i];
  return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(rank)));
}

/// The two operands are x and the result: stride[axis][1] is 0 along reduced axes.
inline detail::BroadcastPlan<2> reduction_plan(std::span<const std::int64_t> x, const ReducedAxes& axes) {
  const std::span<const std::int64_t> dims[2] = {x, axes.dims()};
  return detail::BroadcastPlan<2>(x, dims);
}

/// The reduced axes are the last ones: the result is one number for each of `kept` rows of `count`.
inline bool reduces_rows(const ReducedAxes& axes) {
  int first = 0;
  while (first < axes.rank && !axes.reduced[first]) ++first;
  return std::all_of(axes.reduced + first, axes.reduced + axes.rank, [](bool r) { return r; });
}

/// Calls f(i, j) for every element i of x, in row-major order, with the element j of the result it belongs to.
template <class F>
void for_each_pair(std::span<const std::int64_t> x, const ReducedAxes& axes, F f) {
  detail::for_each_run(reduction_plan(x, axes), [&](const std::int64_t* at, std::int64_t n, const std::int64_t* step) {
    if (step[1] == 0)
      for (std::int64_t i = 0, j = at[1]; i < n; ++i) f(at[0] + i, j);
    else
      for (std::int64_t i = 0; i < n; ++i) f(at[0] + i, at[1] + i);
  });
}

/// `count` zeros of the widest precision, to live as long as a.temporary().
template <class T, template <class> class Args>
Wide<T>* zeroed_sums(const Args<T>& a, std::int64_t count) {
  auto* const sums =
      reinterpret_cast<Wide<T>*>(a.temporary(count * static_cast<std::int64_t>(sizeof(Wide<T>) / sizeof(T))));
  std::fill_n(sums, count, Wide<T>(0));
  return sums;
}

/// y[c] = sum over r of x[r, c]. Chains of at most 128 additions in T; what they give is collected in `sums`.
template <class T>
void sum_columns(std::int64_t rows, std::int64_t columns, const T* x, T* y, Wide<T>* sums) {
  constexpr std::int64_t block = 128;
  const auto& k = kernels::kernel_table<T>();
  if (rows <= block) return k.column_sums(rows, columns, x, columns, y, false);
  std::fill_n(sums, columns, Wide<T>(0));
  for (std::int64_t r = 0; r < rows; r += block) {
    k.column_sums(std::min(block, rows - r), columns, x + r * columns, columns, y, false);
    for (std::int64_t c = 0; c < columns; ++c) sums[c] += static_cast<Wide<T>>(y[c]);
  }
  for (std::int64_t c = 0; c < columns; ++c) y[c] = static_cast<T>(sums[c]);
}

/// y = the sum of operand 0 over its reduced axes; 0 where there is nothing to add.
template <class T>
void sum_over(const ForwardArgs<T>& a, const ReducedAxes& axes, T* y) {
  const View<const T> x = a.x(0);
  const auto& k = kernels::kernel_table<T>();
  if (x.size == 0) return k.fill(axes.kept, 0, y);
  if (reduces_rows(axes)) {
    for (std::int64_t j = 0; j < axes.kept; ++j) y[j] = k.sum(axes.count, x.data + j * axes.count);
    return;
  }
  const detail::BroadcastPlan<2> plan = reduction_plan(x.dims(), axes);
  if (plan.rank <= 3 && plan.stride[0][1] != 0) {  // [before, reduced, after]
    const std::int64_t after = plan.extent[0], before = axes.kept / after;
    Wide<T>* const sums = zeroed_sums(a, after);
    for (std::int64_t b = 0; b < before; ++b)
      sum_columns(axes.count, after, x.data + b * axes.count * after, y + b * after, sums);
    return;
  }
  Wide<T>* const sums = zeroed_sums(a, axes.kept);
  for_each_pair(x.dims(), axes, [&](std::int64_t i, std::int64_t j) { sums[j] += static_cast<Wide<T>>(x[i]); });
  for (std::int64_t j = 0; j < axes.kept; ++j) y[j] = static_cast<T>(sums[j]);
}

/// dx += f(i, j) for every element i of operand 0 and the element j of the result it belongs to.
template <class T, class F>
void add_pairs(const BackwardArgs<T>& a, const ReducedAxes& axes, F f) {
  bool first;
  T* const dx = a.dx(0).touch(first);
  if (dx == nullptr) return;
  if (first)
    for_each_pair(a.x(0).dims(), axes, [&](std::int64_t i, std::int64_t j) { dx[i] = f(i, j); });
  else
    for_each_pair(a.x(0).dims(), axes, [&](std::int64_t i, std::int64_t j) { dx[i] += f(i, j); });
}

/// dx += scale * dy, repeated along the reduced axes.
template <class T>
void add_repeated(const BackwardArgs<T>& a, const ReducedAxes& axes, T scale) {
  bool first;
  T* const dx = a.dx(0).touch(first);
  if (dx == nullptr) return;
  const T* const dy = a.dy().data;
  const auto& k = kernels::kernel_table<T>();
  detail::for_each_run(reduction_plan(a.x(0).dims(), axes),
                       [&](const std::int64_t* at, std::int64_t n, const std::int64_t* step) {
                         T* const to = dx + at[0];
                         if (step[1] != 0)
                           k.scale_grad(n, dy + at[1], scale, to, !first);
                         else if (first)
                           k.fill(n, dy[at[1]] * scale, to);
                         else
                           k.axpb(n, 1, to, dy[at[1]] * scale, to);
                       });
}

}  // namespace unspool
