// The copy that reorders axes: shared by transpose and permute.
#pragma once

#include <algorithm>
#include <span>

#include "unspool/shape.hpp"

namespace unspool {

/// y's axis k is x's axis axes[k]. Axes of one element are dropped and neighbours that stay neighbours are merged.
struct PermutePlan {
  int rank = 0;
  std::int64_t extent[Shape::max_rank] = {};
  std::int64_t from[Shape::max_rank] = {};  // distances in x
  std::int64_t to[Shape::max_rank] = {};    // distances in y, which is contiguous

  PermutePlan(std::span<const std::int64_t> x_extents, std::span<const int> axes) {
    std::int64_t distance[Shape::max_rank];
    std::int64_t running = 1;
    for (int i = static_cast<int>(x_extents.size()); i-- > 0; running *= x_extents[i]) distance[i] = running;
    for (const int axis : axes) {
      const std::int64_t count = x_extents[axis];
      if (count == 1) continue;
      if (rank > 0 && from[rank - 1] == count * distance[axis]) {
        extent[rank - 1] *= count;
        from[rank - 1] = distance[axis];
        continue;
      }
      extent[rank] = count;
      from[rank++] = distance[axis];
    }
    if (rank == 0) extent[rank] = from[rank] = 1, ++rank;
    running = 1;
    for (int i = rank; i-- > 0; running *= extent[i]) to[i] = running;
  }

  /// The values stay in their order: y is x under another shape.
  bool is_view() const { return rank == 1 && from[0] == 1; }
};

namespace detail {

// Calls f(offset in x, offset in y) for every position of all axes but `a` and `b`.
template <class F>
void for_each_other(const PermutePlan& p, int a, int b, F f) {
  std::int64_t index[Shape::max_rank] = {};
  std::int64_t from = 0, to = 0;
  while (true) {
    f(from, to);
    int axis = p.rank - 1;
    for (; axis >= 0; --axis) {
      if (axis == a || axis == b) continue;
      from += p.from[axis];
      to += p.to[axis];
      if (++index[axis] < p.extent[axis]) break;
      from -= p.from[axis] * p.extent[axis];
      to -= p.to[axis] * p.extent[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

}  // namespace detail

/// store(y element, x element) for every element.
template <class T, class Store>
void permute_with(const PermutePlan& p, const T* x, T* y, Store store) {
  if (std::count(p.extent, p.extent + p.rank, 0) > 0) return;
  const int last = p.rank - 1;
  const std::int64_t n = p.extent[last], s = p.from[last];
  if (s == 1) {
    detail::for_each_other(p, last, last, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = 0; i < n; ++i) store(y[to + i], x[from + i]);
    });
    return;
  }
  // x's own innermost axis lies further out in y: a transposition of it and y's innermost, in tiles that fit the
  // first-level cache on both sides.
  constexpr std::int64_t tile = 16;
  const int inner = static_cast<int>(std::find(p.from, p.from + p.rank, 1) - p.from);
  const std::int64_t m = p.extent[inner], step = p.to[inner];
  detail::for_each_other(p, last, inner, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i0 = 0; i0 < m; i0 += tile)
      for (std::int64_t j0 = 0; j0 < n; j0 += tile)
        for (std::int64_t i = i0; i < std::min(m, i0 + tile); ++i)
          for (std::int64_t j = j0; j < std::min(n, j0 + tile); ++j) store(y[to + i * step + j], x[from + i + j * s]);
  });
}

template <class T>
void permute_copy(const PermutePlan& p, const T* x, T* y) {
  permute_with(p, x, y, [](T& to, T from) { to = from; });
}

template <class T>
void permute_add(const PermutePlan& p, const T* x, T* y) {
  permute_with(p, x, y, [](T& to, T from) { to += from; });
}

}  // namespace unspool
