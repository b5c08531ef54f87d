// unroll within a byte budget, for cells over a batch of sequences: what unroll.hpp promises with
// UnrollOptions::memory.
#pragma once

#include "unspool/checkpoint.hpp"
#include "unspool/unroll.hpp"

namespace unspool::detail {

/// Which rows each step has, in the order in which the steps are walked.
template <Scalar T>
class StepRanges {
 public:
  StepRanges(const Sequence<T>& xs, bool reverse) : batch_(xs.batch()), total_(xs.total()), reverse_(reverse) {
    steps_ = step_count(xs);
    if (total_ == batch_ * steps_) return;
    StepWalk walk(xs.lengths(), xs.sorted_indices(), reverse);
    while (walk.next()) ragged_.push_back({walk.first(), walk.rows(), walk.rows()});
  }
  StepRange operator[](std::int64_t k) const {
    return ragged_.empty() ? StepRange{time(k) * batch_, batch_, batch_} : ragged_[static_cast<std::size_t>(k)];
  }
  std::int64_t time(std::int64_t k) const { return reverse_ ? steps_ - 1 - k : k; }
  std::int64_t steps() const { return steps_; }
  std::int64_t batch() const { return batch_; }
  std::int64_t total() const { return total_; }
  bool reverse() const { return reverse_; }

 private:
  std::vector<StepRange> ragged_;
  std::int64_t steps_ = 0, batch_, total_;
  bool reverse_;
};

/// The steps of a cell. A cell that runs over whole sequences does so over sequences of one step.
template <class Cell, Scalar T, class State>
class CellBody final : public StepBody {
 public:
  CellBody(Cell& cell, const Sequence<T>& xs, const State& initial, bool reverse, bool whole, Where where)
      : cell_(cell),
        ranges_(xs, reverse),
        input_(xs.packed()),
        initial_(handles_of(initial)),
        pattern_(initial),
        whole_(whole),
        where_(where) {}

  StepRange range(std::int64_t k) const override {
    StepRange range = ranges_[k];
    if (whole_ && ranges_.reverse() && k + 1 < ranges_.steps()) range.state_rows = ranges_[k + 1].rows;
    return range;
  }
  void run(std::int64_t k, std::vector<Handle>& state, Handle& output) override {
    State s = pattern_;
    assign_handles(s, state);
    const StepRange range = ranges_[k];
    const auto parts = static_cast<std::int64_t>(state.size());
    const Var<T> x = rows_of(input_, range.first, range.first + range.rows, ranges_.total(), where_);
    output = whole_ ? run_whole(k, x, s) : run_step(k, x, s);
    check_rows(output, range.rows, "the cell's output");
    std::int64_t returned = 0;
    const std::int64_t state_rows = this->range(k).state_rows;
    for_each_var(s, [&](const Var<T>& v) {
      check_rows(v, state_rows, "the state that the cell returned");
      ++returned;
    });
    check_parts(returned, parts);
    state = handles_of(s);
  }

 private:
  Handle run_step(std::int64_t k, const Var<T>& x, State& s) {
    const LabelGuard step = enter_step(*x.tape(), ranges_.time(k));
    const std::int64_t rows = ranges_[k].rows;
    if (ranges_.reverse())
      join(s, k == 0 ? 0 : ranges_[k - 1].rows, rows);
    else
      leave(s, k == 0 ? ranges_.batch() : ranges_[k - 1].rows, rows);
    const Var<T> projected = cell_input<State>(cell_, x, where_);
    return accept<Cell, T>(cell_step(cell_, projected, s, where_), s);
  }
  // Rows that begin join the state before it is handed on: their gradients then meet where those of the cell's own run
  // meet.
  Handle run_whole(std::int64_t k, const Var<T>& x, State& s) {
    if constexpr (requires { cell_.run(std::declval<const Sequence<T>&>(), s, true, where_); }) {
      const std::int64_t rows = ranges_[k].rows;
      if (!ranges_.reverse())
        leave(s, k == 0 ? ranges_.batch() : ranges_[k - 1].rows, rows);
      else if (k == 0)
        join(s, 0, rows);
      std::int64_t extents[Shape::max_rank + 1] = {1};
      const Shape shape = x.shape();
      for (int axis = 0; axis < shape.rank(); ++axis) extents[axis + 1] = shape[axis];
      const std::span<const std::int64_t> all(extents, static_cast<std::size_t>(shape.rank() + 1));
      const Var<T> one = reshape(x, Ids(all), where_);
      const StepOffset offset(*x.tape(), ranges_.time(k));
      const Var<T> y = cell_.run(Sequence<T>(Located<T>(one, where_)), s, false, where_);
      if (ranges_.reverse() && k + 1 < ranges_.steps()) join(s, rows, ranges_[k + 1].rows);
      return y;
    }
    return {};
  }
  void leave(State& s, std::int64_t before, std::int64_t rows) const {
    if (rows == before) return;
    for_each_var(s, [&](Var<T>& v) { v = rows_of(v, 0, rows, before, where_); });
  }
  void join(State& s, std::int64_t before, std::int64_t rows) const {
    if (rows == before) return;
    std::size_t part = 0;
    for_each_var(s, [&](Var<T>& v) {
      const Var<T> fresh = rows_of(Var<T>(initial_[part++]), before, rows, ranges_.batch(), where_);
      v = before == 0 ? fresh : unspool::concat({v, fresh}, 0, where_);
    });
  }

  std::conditional_t<std::is_copy_constructible_v<Cell>, std::remove_const_t<Cell>, Cell&> cell_;
  StepRanges<T> ranges_;
  Var<T> input_;
  std::vector<Handle> initial_;  // in packed order
  State pattern_;
  bool whole_;
  Where where_;
};

/// How run_within() goes about it.
struct WithinPlan {
  bool reverse = false;
  bool outputs = true;      // are wanted
  bool rows_alike = false;  // the initial state needs no order
  std::int64_t memory = 0;
  bool outputs_count = true;  // in the budget
  int group = -1;             // of a shared budget
};

/// The steps of a cell as segments take them.
template <class Cell, Scalar T, class State>
struct CellSteps {
  CellBody<Cell, T, State>* body;
  StepsRequest request;
  bool whole = false;  // outputs are the first part of the state
};

template <class Cell, Scalar T, class State>
CellSteps<Cell, T, State> cell_steps(Cell& cell, const Sequence<T>& xs, State& state, const WithinPlan& plan,
                                     Where where) {
  for_each_var(state, [&](Var<T>& v) {
    check_rows(v, xs.batch(), "the initial state");
    if (!plan.rows_alike && !is_identity(xs.sorted_indices())) v = index_select(v, 0, Ids(xs.sorted_indices()), where);
  });
  bool whole = false;
  if constexpr (requires { cell.run(xs, state, true, where); }) whole = cell.runs();
  return {new CellBody<Cell, T, State>(cell, xs, state, plan.reverse, whole, where),
          {.steps = step_count(xs),
           .total_rows = xs.total(),
           .outputs = plan.outputs ? StepOutputs::rows : StepOutputs::none,
           .output_is_state = whole,
           .memory = std::max<std::int64_t>(plan.memory, 0),
           .outputs_count = plan.outputs_count,
           .group = plan.group},
          whole};
}

/// What the cell's steps over xs take.
template <class Cell, Scalar T, class State>
StepCost measure_within(Cell& cell, const Sequence<T>& xs, State state, const WithinPlan& plan, Where where) {
  const auto steps = cell_steps<Cell, T>(cell, xs, state, plan, where);
  return measure_steps(tape_of(xs.packed(), "unroll"), steps.body, steps.request, handles_of(state), where);
}

/// Runs a cell over xs, forgets what the budget has no room for, and returns the outputs of all steps [N,...], if they
/// are wanted. `state` becomes the last state, in the order of the batch.
template <class Cell, Scalar T, class State>
Var<T> run_within(Cell& cell, const Sequence<T>& xs, State& state, const WithinPlan& plan, Where where) {
  TapeCore& tape = tape_of(xs.packed(), "unroll");
  const auto steps = cell_steps<Cell, T>(cell, xs, state, plan, where);
  const std::int64_t batch = xs.batch();
  const std::int64_t ended =
      std::max(steps.body->range(steps.request.steps - 1).state_rows, steps.body->range(0).state_rows);
  std::vector<Handle> handles = handles_of(state);
  Handle outputs;
  run_steps(tape, steps.body, steps.request, handles, outputs, where);

  const auto order = xs.sorted_indices();
  const bool sorted = is_identity(order);
  Scratch<std::int64_t> inverse(tape, batch);
  if (!sorted) invert(order, {inverse.begin(), inverse.size()});
  std::size_t part = 0;
  for_each_var(state, [&](Var<T>& v) {
    const Var<T> initial = v;
    v = Var<T>(handles[part]);
    if (part++ == 0 && steps.whole && plan.outputs) {
      v = final_rows(xs, plan.reverse, Var<T>(outputs), initial, where);
      return;
    }
    if (ended < batch) v = unspool::concat({v, rows_of(initial, ended, batch, batch, where)}, 0, where);
    if (!sorted) v = index_select(v, 0, Ids(inverse), where);
  });
  return Var<T>(outputs);
}

/// What unroll() does where there is a budget.
template <class Cell, Scalar T, class State>
Var<T> unroll_within(Cell& cell, const Sequence<T>& xs, State& state, const UnrollOptions& options, Where where) {
  const WithinPlan plan{.reverse = options.reverse, .outputs = options.outputs, .memory = options.memory};
  return run_within<Cell, T>(cell, xs, state, plan, where);
}

/// The steps that a function computes, with a loss each.
template <class Step, class State>
class LossBody : public StepBody {
 public:
  LossBody(Step step, const State& initial) : step_(std::move(step)), pattern_(initial) {}

  void run(std::int64_t k, std::vector<Handle>& state, Handle& output) override {
    State s = pattern_;
    assign_handles(s, state);
    const LabelGuard step = enter_step(*state[0].tape(), k);
    auto [loss, next] = step_(k, std::as_const(s));
    output = loss;
    const auto parts = static_cast<std::int64_t>(state.size());
    state = handles_of(next);
    check_parts(static_cast<std::int64_t>(state.size()), parts);
  }

 private:
  Step step_;
  State pattern_;
};

}  // namespace unspool::detail
