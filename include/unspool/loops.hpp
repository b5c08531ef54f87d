// Broadcasting loops: what map() and gradient sinks share. Header-only because a rule's lambda must be inlined.
#pragma once

#include <cstdint>

#include "unspool/shape.hpp"

namespace unspool {

/// Who keeps a view's memory alive: what a gradient sink must know before it queues a product by reference.
inline constexpr std::int32_t owner_value = -1;      ///< the tape: a recorded value
inline constexpr std::int32_t owner_temporary = -2;  ///< the rule's call: temporary()
inline constexpr std::int32_t owner_partial = -3;    ///< a gradient that others may still add to

/// Contiguous row-major values that a rule reads or writes. Does not own.
template <class T>
struct View {
  T* data = nullptr;
  const std::int64_t* extents = nullptr;
  std::int64_t size = 0;
  int rank = 0;
  std::int32_t owner = owner_value;  ///< node whose complete gradient this is, or one of the owner_ constants

  std::int64_t extent(int axis) const { return extents[axis < 0 ? axis + rank : axis]; }
  std::span<const std::int64_t> dims() const { return {extents, static_cast<std::size_t>(rank)}; }
  Shape shape() const { return Shape::trusted(extents, rank); }
  std::span<T> flat() const { return {data, static_cast<std::size_t>(size)}; }
  T& operator[](std::int64_t i) const { return data[i]; }
  /// Product of all extents but the last `axes`; the value as a matrix of rows of the remaining extents.
  std::int64_t rows(int axes = 1) const {
    std::int64_t n = 1;
    for (int i = 0; i < rank - axes; ++i) n *= extents[i];
    return n;
  }
  operator View<const T>() const requires(!std::is_const_v<T>) { return {data, extents, size, rank, owner}; }
};

template <class A, class B>
bool same_extents(const A& a, const B& b) {
  if (a.rank != b.rank) return false;
  for (int i = 0; i < a.rank; ++i)
    if (a.extents[i] != b.extents[i]) return false;
  return true;
}

namespace detail {

/// N operands walked together over `extents`: per axis a stride for each, 0 where the operand is broadcast.
/// Neighbouring axes are merged where every operand allows it, so that most loops have one or two axes.
template <int N>
struct BroadcastPlan {
  int rank = 0;
  std::int64_t extent[Shape::max_rank] = {};
  std::int64_t stride[Shape::max_rank][N] = {};

  explicit BroadcastPlan(std::span<const std::int64_t> extents, const std::span<const std::int64_t> (&operands)[N]) {
    const int full = static_cast<int>(extents.size());
    std::int64_t running[N];
    for (int k = 0; k < N; ++k) running[k] = 1;
    for (int axis = full - 1; axis >= 0; --axis) {
      std::int64_t steps[N];
      for (int k = 0; k < N; ++k) {
        const int own = axis - (full - static_cast<int>(operands[k].size()));
        const std::int64_t own_extent = own >= 0 ? operands[k][own] : 1;
        steps[k] = own_extent == 1 ? 0 : running[k];
        running[k] *= own_extent;
      }
      append(extents[axis], steps);
    }
    if (rank == 0) append(1, running);
  }

 private:
  // Axes arrive innermost first.
  void append(std::int64_t count, const std::int64_t (&steps)[N]) {
    if (count == 1 && rank > 0) return;
    if (rank > 0) {
      bool merges = true;
      for (int k = 0; k < N; ++k) merges = merges && steps[k] == stride[rank - 1][k] * extent[rank - 1];
      if (extent[rank - 1] == 1) {
        extent[rank - 1] = count;
        for (int k = 0; k < N; ++k) stride[rank - 1][k] = steps[k];
        return;
      }
      if (merges) {
        extent[rank - 1] *= count;
        return;
      }
    }
    extent[rank] = count;
    for (int k = 0; k < N; ++k) stride[rank][k] = steps[k];
    ++rank;
  }
};

/// Calls run(offsets, count, strides) for every innermost run, in row-major order.
template <int N, class Run>
void for_each_run(const BroadcastPlan<N>& plan, Run&& run) {
  for (int axis = 0; axis < plan.rank; ++axis)
    if (plan.extent[axis] == 0) return;
  std::int64_t offset[N] = {};
  std::int64_t index[Shape::max_rank] = {};
  while (true) {
    run(offset, plan.extent[0], plan.stride[0]);
    int axis = 1;
    for (; axis < plan.rank; ++axis) {
      for (int k = 0; k < N; ++k) offset[k] += plan.stride[axis][k];
      if (++index[axis] < plan.extent[axis]) break;
      for (int k = 0; k < N; ++k) offset[k] -= plan.stride[axis][k] * plan.extent[axis];
      index[axis] = 0;
    }
    if (axis >= plan.rank) return;
  }
}

}  // namespace detail

/// y[i] = f(x[i]) over equal element counts.
template <class T, class F>
void map(View<const T> x, View<T> y, F f) {
  for (std::int64_t i = 0; i < y.size; ++i) y.data[i] = f(x.data[i]);
}

/// y = f(a, b) with a and b broadcast to y.
template <class T, class F>
void map(View<const T> a, View<const T> b, View<T> y, F f) {
  if (a.size == y.size && b.size == y.size) {
    for (std::int64_t i = 0; i < y.size; ++i) y.data[i] = f(a.data[i], b.data[i]);
    return;
  }
  const std::span<const std::int64_t> dims[3] = {a.dims(), b.dims(), y.dims()};
  detail::for_each_run(detail::BroadcastPlan<3>(y.dims(), dims),
                       [&](const std::int64_t* at, std::int64_t n, const std::int64_t* step) {
                         const T* pa = a.data + at[0];
                         const T* pb = b.data + at[1];
                         T* py = y.data + at[2];
                         for (std::int64_t i = 0; i < n; ++i) py[i * step[2]] = f(pa[i * step[0]], pb[i * step[1]]);
                       });
}

/// y = f(a, b, c) with all three broadcast to y.
template <class T, class F>
void map(View<const T> a, View<const T> b, View<const T> c, View<T> y, F f) {
  const std::span<const std::int64_t> dims[4] = {a.dims(), b.dims(), c.dims(), y.dims()};
  detail::for_each_run(detail::BroadcastPlan<4>(y.dims(), dims),
                       [&](const std::int64_t* at, std::int64_t n, const std::int64_t* step) {
                         for (std::int64_t i = 0; i < n; ++i)
                           y.data[at[3] + i * step[3]] =
                               f(a.data[at[0] + i * step[0]], b.data[at[1] + i * step[1]], c.data[at[2] + i * step[2]]);
                       });
}

}  // namespace unspool
