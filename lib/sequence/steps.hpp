// Runs the fused step ops (ops/step.hpp) over a batch of sequences: what RNNCell, LSTMCell and GRUCell share.
#pragma once

#include <algorithm>

#include "ops/step.hpp"
#include "unspool/unroll.hpp"

namespace unspool::detail {

/// The input of all steps, projected at once.
template <class CellType, Scalar T>
Var<T> projected(const CellType& cell, const Sequence<T>& xs, Where where) {
  const LabelGuard rows = xs.by_step();
  return cell.project(xs.packed(), where);
}

/// A part of the state in packed order, longest row first.
template <Scalar T>
Var<T> sorted_rows(const Sequence<T>& xs, const Var<T>& part, Where where) {
  check_rows(part, xs.batch(), "the initial state");
  return is_identity(xs.sorted_indices()) ? part : index_select(part, 0, Ids(xs.sorted_indices()), where);
}

/// Records record(rows, last) for every step and returns the last. `hs` stands for what comes before the first.
template <Scalar T, class Record>
Handle record_steps(const Sequence<T>& xs, bool reverse, const Handle& hs, Record record) {
  TapeCore& tape = *xs.packed().tape();
  StepWalk walk(xs.lengths(), xs.sorted_indices(), reverse);
  Handle last = hs;
  StepRows before;
  while (walk.next()) {
    const LabelGuard step = enter_step(tape, walk.step());
    const StepRows rows{walk.first(), walk.rows(), before.first, std::min(before.rows, walk.rows())};
    last = record(rows, last);
    before = rows;
  }
  return last;
}

/// Each row's value after its last step (in reverse: its first), from the values of all steps [N,H]; rows without steps
/// keep their initial value, from `initial` in packed order. In the order of the batch.
template <Scalar T>
Var<T> final_rows(const Sequence<T>& xs, bool reverse, const Var<T>& values, const Var<T>& initial, Where where) {
  TapeCore& tape = *xs.packed().tape();
  const std::int64_t batch = xs.batch();
  StepWalk walk(xs.lengths(), xs.sorted_indices(), false);
  Scratch<Var<T>> parts(tape, walk.count() + 1);
  std::int64_t at = walk.count() + 1, first = 0, rows = batch;
  // The rows that leave before a step, and in the end those of the last step: the longest rows come first.
  const auto leave = [&](std::int64_t from, std::int64_t left) {
    parts[--at] = from < 0 ? slice(initial, 0, left, rows, where) : slice(values, 0, from + left, from + rows, where);
    rows = left;
  };
  for (first = -1; walk.next(); first = walk.first()) {
    if (walk.rows() < rows) leave(first, walk.rows());
    if (reverse) {
      leave(walk.first(), 0);
      break;
    }
  }
  if (rows > 0) leave(first, 0);
  const std::span<const Var<T>> all(parts.begin() + at, parts.end());
  Var<T> last = all.size() == 1 ? all[0] : unspool::concat(all, 0, where);
  if (is_identity(xs.sorted_indices())) return last;
  Scratch<std::int64_t> inverse(tape, batch);
  invert(xs.sorted_indices(), {inverse.begin(), inverse.size()});
  return index_select(last, 0, Ids(inverse), where);
}

}  // namespace unspool::detail
