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

/// What at_step() entered moves on to the next step of the same sequence.
inline void move_to_step(TapeCore& tape, std::int64_t step, std::int64_t first, std::int64_t count) try {
  tape.labels().move_to_step(step, first, count);
} catch (const std::bad_alloc&) {
  fail_label(step);
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
  static constexpr std::int64_t most_rows = kernels::gemm_k_block;  // of a weight's gradient at a time
  Scratch<std::int64_t> rows_;
};

/// Records record(xg, rows, last), or the step after it in the same way, for every step and returns the last; xg is
/// project() of a stretch's rows. `hs` stands for what comes before the first step, and `last_operand` is where the op
/// has the step before.
template <Scalar T, class Project, class Record>
Handle record_steps(const Sequence<T>& xs, bool reverse, const Handle& hs, int last_operand, Where where,
                    Project project, Record record) {
  TapeCore& tape = *xs.packed().tape();
  StepWalk walk(xs.lengths(), xs.sorted_indices(), reverse);
  const Stretches<T> stretches(tape, xs, reverse);
  Handle last = hs;
  StepRows before;
  bool more = walk.next();
  for (std::int64_t k = 0; more;) {
    const std::int64_t stretch = stretches.begins(k);
    const std::int64_t begin = reverse ? walk.first() + walk.rows() - stretch : walk.first();
    const auto project_rows = [&] {
      const LabelGuard by_step = xs.by_step(begin, stretch);
      if (reverse) reverse_packed(tape);
      return project(rows_of(xs.packed(), begin, begin + stretch, xs.total(), where));
    };
    const Var<T> xg = project_rows();
    const LabelGuard labels = xs.at_step(walk.step(), walk.first(), walk.rows());
    for (bool begun = false; more && (!begun || stretches.begins(k) == 0); begun = true, ++k, more = walk.next()) {
      const StepRows rows{walk.first(), walk.rows(), before.first, std::min(before.rows, walk.rows()),
                          walk.first() - begin};
      if (begun) move_to_step(tape, walk.step(), rows.first, rows.rows);
      last = begun && rows.rows == before.rows ? next_step(last, last_operand, rows) : record(xg, rows, last);
      before = rows;
    }
  }
  return last;
}

}  // namespace unspool::detail
