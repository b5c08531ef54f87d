// Runs the fused step ops (ops/step.hpp) over a batch of sequences: what RNNCell, LSTMCell and GRUCell share.
#pragma once

#include <algorithm>
#include <utility>

#include "ops/step.hpp"
#include "unspool/unroll.hpp"

namespace unspool::detail {

/// A part of the state in packed order, longest row first.
template <Scalar T>
Var<T> sorted_rows(const Sequence<T>& xs, const Var<T>& part, Where where) {
  check_rows(part, xs.batch(), "the initial state");
  return is_identity(xs.sorted_indices()) ? part : index_select(part, 0, Ids(xs.sorted_indices()), where);
}

/// A parameter's leaf on the tape, for many uses: looking it up costs as much as recording the rest of an operand list.
template <Scalar T>
Handle leaf(const Sequence<T>& xs, const Parameter<T>& parameter, Where where) {
  return record_parameter(*xs.packed().tape(), *parameter.core(), where);
}

/// The steps whose inputs are projected together, in the order in which they are walked: as many as make one product
/// large, and so few that its rows are still in the cache when the steps come for them, forward and back. Counted from
/// the last step, as the walk back counts the rows of the weights' gradients.
template <Scalar T>
class Stretches {
 public:
  Stretches(TapeCore& tape, const Sequence<T>& xs, bool reverse) : rows_(tape, xs.steps() + 1) {
    StepWalk walk(xs.lengths(), xs.sorted_indices(), reverse);
    std::int64_t steps = 0;
    while (walk.next()) rows_[steps++] = walk.rows();
    std::int64_t sum = 0;
    for (std::int64_t k = steps; k-- > 0;) {
      const std::int64_t rows = std::exchange(rows_[k], 0);
      if (sum > 0 && sum + rows > most_rows) rows_[k + 1] = std::exchange(sum, 0);
      sum += rows;
    }
    rows_[0] = sum;
  }
  /// The rows of the stretch that begins with walked step k; 0 where none does.
  std::int64_t begins(std::int64_t k) const { return rows_[k]; }

 private:
  static constexpr std::int64_t most_rows = 256;
  Scratch<std::int64_t> rows_;
};

/// Records record(xg, rows, last) for every step and returns the last; xg is project() of a stretch's rows. `hs` stands
/// for what comes before the first.
template <Scalar T, class Project, class Record>
Handle record_steps(const Sequence<T>& xs, bool reverse, const Handle& hs, Where where, Project project,
                    Record record) {
  TapeCore& tape = *xs.packed().tape();
  StepWalk walk(xs.lengths(), xs.sorted_indices(), reverse);
  const Stretches<T> stretches(tape, xs, reverse);
  Handle last = hs;
  Var<T> xg;
  std::int64_t begin = 0;
  StepRows before;
  for (std::int64_t k = 0; walk.next(); ++k) {
    if (const std::int64_t rows = stretches.begins(k)) {
      begin = reverse ? walk.first() + walk.rows() - rows : walk.first();
      const LabelGuard by_step = xs.by_step(begin, rows);
      if (reverse) reverse_packed(tape);
      xg = project(rows_of(xs.packed(), begin, begin + rows, xs.total(), where));
    }
    const LabelGuard step = xs.at_step(walk.step(), walk.first(), walk.rows());
    const StepRows rows{walk.first(), walk.rows(), before.first, std::min(before.rows, walk.rows()),
                        walk.first() - begin};
    last = record(xg, rows, last);
    before = rows;
  }
  return last;
}

}  // namespace unspool::detail
