// LiveRows: the state of a cell over a batch of sequences whose rows end at different steps.
#pragma once

#include <utility>

#include "unspool/ops.hpp"
#include "unspool/sequence.hpp"
#include "unspool/state.hpp"
#include "unspool/step_walk.hpp"

namespace unspool::detail {

template <Scalar T>
using VarArray = Scratch<Var<T>>;

template <Scalar T>
Var<T> rows_of(const Var<T>& x, std::int64_t begin, std::int64_t end, std::int64_t all, Where where) {
  return begin == 0 && end == all ? x : slice(x, 0, begin, end, where);
}

/// The state of the rows under way, longest first. Forward, rows leave when their sequences end; in reverse they join,
/// from the initial state, when theirs begin.
template <Scalar T, class State>
class LiveRows {
 public:
  LiveRows(TapeCore& tape, State initial, std::int64_t batch, std::int64_t steps, bool reverse, Where where)
      : where_(where),
        batch_(batch),
        rows_(reverse ? 0 : batch),
        slots_(reverse ? 1 : std::min(batch, steps) + 1),
        kept_(tape, var_count(initial) * slots_),
        reverse_(reverse),
        state_(std::move(initial)) {
    if (reverse_) each([&](Var<T>& v, Var<T>* kept) { *kept = v; });
  }

  /// The state of the first `rows` rows: fewer than before or, in reverse, more.
  State& resize(std::int64_t rows) {
    if (rows == rows_) return state_;
    if (reverse_) {
      join(rows);
    } else {
      ++left_;
      each([&](Var<T>& v, Var<T>* kept) {
        kept[slots_ - left_] = rows_of(v, rows, rows_, rows_, where_);
        v = rows_of(v, 0, rows, rows_, where_);
      });
    }
    rows_ = rows;
    return state_;
  }

  /// The state of all rows: each as it was when it left, or as it is.
  State& finish() {
    if (reverse_) {
      if (rows_ < batch_) join(batch_);
    } else if (left_ > 0) {
      each([&](Var<T>& v, Var<T>* kept) {
        kept[slots_ - left_ - 1] = v;
        v = unspool::concat(std::span<const Var<T>>(kept + slots_ - left_ - 1, kept + slots_), 0, where_);
      });
    }
    return state_;
  }

 private:
  void join(std::int64_t rows) {
    each([&](Var<T>& v, Var<T>* initial) {
      const Var<T> fresh = rows_of(*initial, rows_, rows, batch_, where_);
      v = rows_ == 0 ? fresh : unspool::concat({v, fresh}, 0, where_);
    });
  }
  template <class F>
  void each(F f) {
    Var<T>* kept = kept_.begin();
    for_each_var(state_, [&](Var<T>& v) { f(v, kept), kept += slots_; });
  }

  Where where_;
  std::int64_t batch_, rows_, left_ = 0, slots_;
  VarArray<T> kept_;  // of each part: the initial state, or from the back what left, longest rows first
  bool reverse_;
  State state_;
};

/// Each row's value after its last step (in reverse: its first), from the values of all steps [N,H]; rows without steps
/// keep their initial value, from `initial` in packed order. In the order of the batch.
template <Scalar T>
Var<T> final_rows(const Sequence<T>& xs, bool reverse, const Var<T>& values, const Var<T>& initial, Where where) {
  TapeCore& tape = *xs.packed().tape();
  const std::int64_t batch = xs.batch();
  // From the last step on: the longest rows come first. In reverse all rows end at the first step.
  StepWalk walk(xs.lengths(), xs.sorted_indices(), !reverse);
  VarArray<T> parts(tape, std::min(walk.count(), batch) + 1);
  std::int64_t count = 0, rows = 0;
  while (rows < batch && walk.next()) {
    const std::int64_t from = std::exchange(rows, walk.rows());
    if (rows > from) parts[count++] = slice(values, 0, walk.first() + from, walk.first() + rows, where);
    if (reverse) break;
  }
  if (rows < batch) parts[count++] = slice(initial, 0, rows, batch, where);
  const std::span<const Var<T>> all(parts.begin(), parts.begin() + count);
  Var<T> last = all.size() == 1 ? all[0] : unspool::concat(all, 0, where);
  if (is_identity(xs.sorted_indices())) return last;
  Scratch<std::int64_t> inverse(tape, batch);
  invert(xs.sorted_indices(), {inverse.begin(), inverse.size()});
  return index_select(last, 0, Ids(inverse), where);
}

}  // namespace unspool::detail
