// Sequence: a batch of sequences of any lengths, time first. Nobody sorts anything: rows stay in the caller's order,
// and what is computed is computed for the steps that exist.
//
//   us::Sequence xs(tape.input(x), lengths);        // x [T,B,I], a length in 0..T for each of B rows
//   auto [ys, state] = lstm(xs);                    // ys is a Sequence; state.h is each row's last valid step
//   us::Var loss = cross_entropy(head(ys), targets);   // targets [T,B]; the padding counts for nothing
#pragma once

#include <vector>

#include "unspool/ids.hpp"
#include "unspool/recording.hpp"

namespace unspool {

namespace detail {

UNSPOOL_API void pack_ids(std::span<const std::int64_t> lengths, std::span<const std::int64_t> order,
                          std::int64_t steps, const Ids& padded, std::span<std::int64_t> packed);

}  // namespace detail

/// Values live packed, [N,...] with N the sum of the lengths: time first and, within a step, longest row first, as
/// PyTorch's PackedSequence has them. A row may have no steps, a batch no rows. A handle like Var: cheap to copy, stale
/// after tape.reset().
template <Scalar T = float>
class Sequence {
 public:
  Sequence() noexcept = default;
  /// x [T,B,...]: every row has T steps. Shares x's memory.
  Sequence(Located<T> x);
  /// x [T,B,...] with the length of each row, 0..T, in any order. What lies beyond a row's end is never read. Throws
  /// shape_mismatch, bad_argument.
  Sequence(const Var<T>& x, const Ids& lengths, Where where = Where::current());
  /// PyTorch's PackedSequence: data [N,...], batch_sizes[t] rows at step t, and in sorted_indices each packed row's
  /// place in the batch, 0, 1, ... where it is empty. Rows beyond batch_sizes[0] have no steps. Throws shape_mismatch,
  /// bad_argument, index_out_of_range.
  static Sequence from_packed(const Var<T>& data, const Ids& batch_sizes, const Ids& sorted_indices = {},
                              Where where = Where::current());
  /// Rows of `steps` steps at most, with the given data [N,...] in packed order. Throws as the constructors.
  static Sequence from_lengths(const Var<T>& data, std::int64_t steps, const Ids& lengths,
                               Where where = Where::current());

  /// T: the extent of padded(), at least the longest length.
  std::int64_t steps() const { return layout()[0]; }
  /// B: the number of rows.
  std::int64_t batch() const { return static_cast<std::int64_t>(layout().size() / 2); }
  /// N: the number of steps of all rows.
  std::int64_t total() const { return data_.shape()[0]; }
  /// Valid until the tape is reset, like the next.
  std::span<const std::int64_t> lengths() const { return layout().subspan(1, layout().size() / 2); }
  /// The rows by decreasing length: the place in the batch of each packed row.
  std::span<const std::int64_t> sorted_indices() const { return layout().last(layout().size() / 2); }
  /// The number of rows at each step that has any.
  std::vector<std::int64_t> batch_sizes() const;

  /// [N,...].
  const Var<T>& packed() const noexcept { return data_; }
  /// [T,B,...] in the order of the batch, with `padding` beyond each row's end.
  Var<T> padded(double padding = 0, Where where = Where::current()) const;

  /// Both have the same rows, packed in the same order.
  bool same_lengths(const Sequence& other) const;

  /// The same lengths with other data [N,...]. Throws shape_mismatch.
  Sequence with(const Var<T>& data) const;
  /// f over the values of all steps at once: f maps [N,...] to [N,...], row by row.
  template <class F>
  Sequence map(F&& f) const {
    const LabelGuard rows = by_step();
    return with(f(packed()));
  }
  /// Ops on packed() that are recorded while the guard lives count, in a ledger (unspool/ledger.hpp), for the steps
  /// that their rows belong to. map() and the layers do this themselves.
  [[nodiscard]] LabelGuard by_step() const { return by_step(0, total()); }
  /// The same for ops on rows [first, first + count) of packed().
  [[nodiscard]] LabelGuard by_step(std::int64_t first, std::int64_t count) const {
    return detail::enter_packed(layout_, first, count);
  }
  /// The same where all of these rows belong to step t, which the ops are recorded at.
  [[nodiscard]] LabelGuard at_step(std::int64_t t, std::int64_t first, std::int64_t count) const {
    return detail::enter_packed_step(layout_, t, first, count);
  }
  /// Numbers that belong to the steps, padded [T,B] row-major, in packed order [N]. Throws shape_mismatch.
  std::vector<std::int64_t> pack(const Ids& padded) const;

 private:
  // Not a constructor: {0, 4, 2} would make a Handle as well as Ids.
  static Sequence made(const Var<T>& data, const detail::Handle& layout) {
    Sequence xs;
    xs.data_ = data;
    xs.layout_ = layout;
    return xs;
  }
  // T, the lengths, the order.
  std::span<const std::int64_t> layout() const { return detail::attributes_of(layout_); }

  Var<T> data_;
  detail::Handle layout_;  // the op that has the layout as its attributes
};

template <Scalar T>
Sequence(const Var<T>&) -> Sequence<T>;
template <Scalar T>
Sequence(const Parameter<T>&) -> Sequence<T>;

/// Features side by side: rows [.., m] and [.., n] become [.., m + n]. Throws shape_mismatch for other lengths.
template <Scalar T>
Sequence<T> concat(const Sequence<T>& a, const Sequence<T>& b, Where where = Where::current());

extern template class UNSPOOL_API Sequence<float>;
extern template class UNSPOOL_API Sequence<double>;
extern template class UNSPOOL_API Sequence<Dual<double>>;
extern template UNSPOOL_API Sequence<float> concat(const Sequence<float>&, const Sequence<float>&, Where);
extern template UNSPOOL_API Sequence<double> concat(const Sequence<double>&, const Sequence<double>&, Where);
extern template UNSPOOL_API Sequence<Dual<double>> concat(const Sequence<Dual<double>>&, const Sequence<Dual<double>>&,
                                                          Where);

}  // namespace unspool
