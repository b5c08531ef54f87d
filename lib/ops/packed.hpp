// The layout of packed sequences as attributes of an op: the word `steps`, T, then a list of the B lengths followed by
// the B rows in order of decreasing length. Packed rows are time-major: at step t come, in that order, the rows longer
// than t.
#pragma once

#include "ops/blocks.hpp"
#include "ops/op.hpp"

namespace unspool {

struct PackedLayout {
  std::int64_t steps;
  std::span<const std::int64_t> lengths;
  std::span<const std::int64_t> order;

  /// The word at position k and the list that follows it.
  PackedLayout(const detail::ArgsBase& a, int k)
      : steps(a.integer(k)),
        lengths(a.list(k + 1).first(a.list(k + 1).size() / 2)),
        order(a.list(k + 1).last(a.list(k + 1).size() / 2)) {}

  std::int64_t batch() const { return static_cast<std::int64_t>(lengths.size()); }
  std::int64_t total() const {
    std::int64_t n = 0;
    for (const std::int64_t length : lengths) n += length;
    return n;
  }
  /// Calls f(t, first packed row of step t, number of rows longer than t) for every step that has rows.
  template <class F>
  void for_each_step(F f) const {
    std::int64_t alive = batch(), first = 0;
    for (std::int64_t t = 0;; ++t) {
      while (alive > 0 && lengths[static_cast<std::size_t>(order[static_cast<std::size_t>(alive - 1)])] <= t) --alive;
      if (alive == 0) return;
      f(t, first, alive);
      first += alive;
    }
  }
  /// Packed and padded rows are the same memory, up to the common length.
  bool dense() const {
    for (std::size_t i = 0; i < order.size(); ++i)
      if (order[i] != static_cast<std::int64_t>(i) || lengths[i] != lengths[0]) return false;
    return true;
  }
};

/// Rejects a list that is not the layout of `batch` rows of at most T steps. PyTorch's name for the order is
/// sorted_indices.
inline PackedLayout check_layout(const InferArgs& a, int k, std::int64_t batch) {
  const PackedLayout layout(a, k);
  const auto count = static_cast<std::int64_t>(a.list(k + 1).size());
  reject_unless(a, layout.steps >= 0, ErrorCode::bad_argument, "steps must not be negative; given {}", layout.steps);
  (void)Shape{layout.steps, batch};  // throws where T * B overflows, and with it the sum of the lengths
  reject_unless(a, count == 2 * batch, ErrorCode::shape_mismatch, "needs one length for each of {} rows; given {}",
                batch, count / 2);
  for (std::size_t b = 0; b < layout.lengths.size(); ++b)
    reject_unless(a, layout.lengths[b] >= 0 && layout.lengths[b] <= layout.steps, ErrorCode::bad_argument,
                  "lengths must be in 0..{}; the length of row {} is {}", layout.steps, b, layout.lengths[b]);
  auto* const seen = a.workspace().reserve<std::uint8_t>(batch);
  std::fill_n(seen, batch, std::uint8_t{0});
  for (std::size_t i = 0; i < layout.order.size(); ++i) {
    const std::int64_t row = layout.order[i];
    reject_unless(a, row >= 0 && row < batch && seen[row]++ == 0, ErrorCode::index_out_of_range,
                  "the order must name each of {} rows once; its entry {} is {}", batch, i, row);
    reject_unless(a,
                  i == 0 || layout.lengths[static_cast<std::size_t>(row)] <=
                                layout.lengths[static_cast<std::size_t>(layout.order[i - 1])],
                  ErrorCode::bad_argument, "the order must be by decreasing length; row {} comes after row {}", row,
                  layout.order[i == 0 ? 0 : i - 1]);
  }
  return layout;
}

/// The shape `extents[0] = first` (and `extents[1] = second` when there is one) before x's axes from `from` on.
inline Shape with_leading(std::initializer_list<std::int64_t> leading, const Shape& x, int from) {
  std::int64_t extents[Shape::max_rank];
  int rank = 0;
  for (const std::int64_t extent : leading) extents[rank++] = extent;
  for (int k = from; k < x.rank(); ++k) extents[rank++] = x.extents()[static_cast<std::size_t>(k)];
  return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(rank)));
}

}  // namespace unspool
