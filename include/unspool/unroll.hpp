// unroll: runs any cell over a batch of sequences.
//
//   auto cell = [&](us::Var<> x, us::Var<> h) { return tanh(linear(x, W) + linear(h, U, b)); };
//   auto [ys, last] = us::unroll(cell, us::Sequence(tape.input(x), lengths), tape.zeros({B, H}));
//
// A cell is called as cell(x, state) with x [n,...] and a state whose Vars are [n,...], and returns the next state,
// whose first Var is the output, or a pair {output, state}. What a state may be: state.hpp. n is the number of rows
// that have the step: it shrinks (in reverse: grows) over a ragged batch, and rows come longest first. So whatever
// belongs to a row must come in through x or the state; a part that the cell returns as it was is constant over time.
//
// A cell that has the members project(xs) and step(projected, state) gets the whole input projected in one product.
#pragma once

#include "unspool/live_rows.hpp"
#include "unspool/recompute.hpp"
#include "unspool/step_walk.hpp"

namespace unspool {

struct UnrollOptions {
  static constexpr std::int64_t unlimited = INT64_MAX;

  bool reverse = false;  ///< from each row's last step to its first; outputs stay at their steps
  /// Bytes that the steps may take on the tape, such as us::MiB(64): recordings, stored states, outputs, and gradients
  /// while backward() walks the steps. What does not fit is forgotten and computed again, as plan() has it (plan.hpp);
  /// gradients keep their bits. Not counted are packed weights and the at most 256 rows that wait for each parameter's
  /// gradient: they depend on the parameters alone.
  std::int64_t memory = unlimited;
  bool outputs = true;  ///< false: the outputs are not wanted, only the last state; saves their memory
};

/// What a run over a batch of sequences returns: every step's output, [T,B,...] or a Sequence as the input was, and the
/// state after each row's last step (in reverse: its first), in the order of the batch. A row without steps keeps its
/// initial state.
template <class Outputs, class State>
struct SequenceOutput {
  Outputs outputs;
  State state;
};

namespace detail {

template <class Cell, class X, class State>
concept Projecting = requires(Cell& cell, const X& x, const State& state) {
  cell.step(cell.project(x), state);
};

/// What the steps of the cell are slices of.
template <class State, class Cell, Scalar T>
Var<T> cell_input(Cell& cell, const Var<T>& x, Where where) {
  if constexpr (!Projecting<Cell, Var<T>, State>)
    return x;
  else if constexpr (requires { cell.project(x, where); })
    return cell.project(x, where);
  else
    return cell.project(x);
}
template <class State, class Cell, Scalar T>
Var<T> cell_input(Cell& cell, const Sequence<T>& xs, bool reverse, Where where) {
  const LabelGuard rows = xs.by_step();
  if (reverse) reverse_packed(*xs.packed().tape());
  return cell_input<State>(cell, xs.packed(), where);
}

/// One step of the cell; `where` goes to cells that take it.
template <class Cell, Scalar T, class State>
auto cell_step(Cell& cell, const Var<T>& x, const State& state, Where where) {
  if constexpr (Projecting<Cell, Var<T>, State>) {
    if constexpr (requires { cell.step(x, state, where); })
      return cell.step(x, state, where);
    else
      return cell.step(x, state);
  } else if constexpr (requires { cell(x, state, where); }) {
    return cell(x, state, where);
  } else {
    return cell(x, state);
  }
}

template <class Cell, Scalar T, class State>
inline constexpr bool outputs_state =
    std::is_convertible_v<decltype(cell_step(std::declval<Cell&>(), std::declval<const Var<T>&>(),
                                             std::declval<const State&>(), Where())),
                          State>;

/// Takes what a cell returned apart.
template <class Cell, Scalar T, class State, class Returned>
Var<T> accept(Returned&& returned, State& state) {
  if constexpr (outputs_state<Cell, T, State>) {
    state = std::move(returned);
    return first_var<T>(state);
  } else {
    auto& [output, next] = returned;
    static_assert(std::is_convertible_v<decltype(next), State>,
                  "a cell returns a state of the type that it was given, or a pair of an output and such a state");
    state = std::move(next);
    return output;
  }
}

/// How run() goes about it.
template <Scalar T>
struct RunPlan {
  bool reverse = false;
  bool rows_alike = false;    // the initial state needs no order
  Var<T>* outputs = nullptr;  // outputs[t * stride] receives the output of step t, where any row has the step
  std::int64_t stride = 1;
};

/// Runs a cell over xs and returns the last state, in the order of the batch.
template <class Cell, Scalar T, class State>
State run(Cell& cell, const Sequence<T>& xs, State initial, const RunPlan<T>& plan, Where where) {
  TapeCore& tape = tape_of(xs.packed(), "unroll");
  const auto order = xs.sorted_indices();
  const std::int64_t batch = xs.batch(), total = xs.total(), parts = var_count(initial);
  const bool sorted = is_identity(order);
  for_each_var(initial, [&](Var<T>& v) {
    check_rows(v, batch, "the initial state");
    if (!sorted && !plan.rows_alike) v = index_select(v, 0, Ids(order), where);
  });
  const Var<T> input = cell_input<State>(cell, xs, plan.reverse, where);
  check_rows(input, total, "the projected input");

  StepWalk walk(xs.lengths(), order, plan.reverse);
  LiveRows<T, State> live(tape, std::move(initial), batch, walk.count(), plan.reverse, where);
  while (walk.next()) {
    const LabelGuard step = enter_step(tape, walk.step());
    State& state = live.resize(walk.rows());
    const Var<T> x = rows_of(input, walk.first(), walk.first() + walk.rows(), total, where);
    Var<T>& output = plan.outputs[walk.step() * plan.stride];
    output = accept<Cell, T>(cell_step(cell, x, state, where), state);
    check_rows(output, walk.rows(), "the cell's output");
    std::int64_t returned = 0;
    for_each_var(state, [&](const Var<T>& v) {
      check_rows(v, walk.rows(), "the state that the cell returned");
      ++returned;
    });
    check_parts(returned, parts);
  }
  State& last = live.finish();
  if (!sorted) {
    Scratch<std::int64_t> inverse(tape, batch);
    invert(order, {inverse.begin(), inverse.size()});
    for_each_var(last, [&](Var<T>& v) { v = index_select(v, 0, Ids(inverse), where); });
  }
  return last;
}

/// What a cell that knows its widths can say about an initial state before anything is recorded.
template <class Cell, class State>
void check_initial_widths(const Cell& cell, State& initial, std::int64_t batch) {
  if constexpr (requires { cell.state_width(std::int64_t{}); }) {
    std::int64_t part = 0;
    for_each_var(initial, [&](const auto& v) { check_state(v, batch, cell.state_width(part++)); });
  }
}

/// Throws bad_argument below 0, empty_sequence for 0.
UNSPOOL_API void check_steps(std::int64_t steps);

/// The longest length.
template <Scalar T>
std::int64_t step_count(const Sequence<T>& xs) {
  return StepWalk(xs.lengths(), xs.sorted_indices(), false).count();
}

/// The outputs of no steps, [0,...]: what the cell makes of no rows.
template <class Cell, Scalar T, class State>
Var<T> no_outputs(Cell& cell, const Sequence<T>& xs, State state, Where where) {
  for_each_var(state, [&](Var<T>& v) { v = slice(v, 0, 0, 0, where); });
  const Var<T> x = cell_input<State>(cell, xs, false, where);
  return accept<Cell, T>(cell_step(cell, x, state, where), state);
}

/// The outputs of all steps, [N,...]; those of several runs stand in turn and come side by side.
template <Scalar T>
Var<T> assembled(const VarArray<T>& outputs, std::int64_t runs, Where where) {
  const std::span<const Var<T>> all = outputs;
  if (all.size() == 1) return all[0];
  return runs == 1 ? unspool::concat(all, 0, where) : unspool::block(all, static_cast<int>(runs), where);
}

template <class Cell, Scalar T, class State>
Var<T> unroll_within(Cell& cell, const Sequence<T>& xs, State& state, const UnrollOptions& options, Where where);
template <class Step, class State>
class LossBody;

}  // namespace detail

/// Runs a cell over a batch of sequences from an initial state whose Vars are [B,...]. Nodes of step t carry its
/// number. Where no row has a step the cell is called once, with no rows, to know what its outputs look like. Within a
/// budget the cell is copied (one that cannot be must itself live so long), and what it refers to must live until
/// backward(). Throws shape_mismatch for a state or output that has not one row for each of x, bad_argument for an
/// impossible budget, naming the least possible one, and what the cell throws.
template <class Cell, Scalar T, class State>
SequenceOutput<Sequence<T>, State> unroll(Cell&& cell, const Sequence<T>& xs, State initial,
                                          const UnrollOptions& options = {}, Where where = Where::current()) {
  using Plain = std::remove_reference_t<Cell>;
  detail::TapeCore& tape = detail::tape_of(xs.packed(), "unroll");
  detail::check_initial_widths(cell, initial, xs.batch());
  const std::int64_t steps = detail::step_count(xs);
  if (options.memory != UnrollOptions::unlimited && steps > 0 && detail::forgets(tape)) {
    const Var<T> ys = detail::unroll_within<Plain, T>(cell, xs, initial, options, where);
    return {options.outputs ? xs.with(ys) : Sequence<T>(), std::move(initial)};
  }
  if constexpr (requires { cell.run(xs, initial, true, where); })
    if (steps > 0 && cell.runs()) {
      const Var<T> ys = cell.run(xs, initial, options.reverse, where);
      return {options.outputs ? xs.with(ys) : Sequence<T>(), std::move(initial)};
    }
  detail::VarArray<T> outputs(tape, std::max<std::int64_t>(steps, 1));
  State last = detail::run<Plain, T>(cell, xs, std::move(initial),
                                     {.reverse = options.reverse, .outputs = outputs.begin()}, where);
  if (steps == 0) outputs[0] = detail::no_outputs(cell, xs, last, where);
  if (!options.outputs) return {Sequence<T>(), std::move(last)};
  return {xs.with(detail::assembled(outputs, 1, where)), std::move(last)};
}

/// The same over x [T,B,...], every row T steps long; outputs are [T,B,...] too.
template <class Cell, Scalar T, class State>
SequenceOutput<Var<T>, State> unroll(Cell&& cell, const Var<T>& x, State initial, const UnrollOptions& options = {},
                                     Where where = Where::current()) {
  auto [outputs, last] = unroll(cell, Sequence<T>(Located<T>(x, where)), std::move(initial), options, where);
  return {options.outputs ? outputs.padded(0, where) : Var<T>(), std::move(last)};
}

/// What a run over steps with a loss each returns: the sum of the losses and the last state.
template <class Loss, class State>
struct LossOutput {
  Loss loss;
  State state;
};

/// Runs step(t, state), which returns a pair {loss, next state}, for t = 0, 1, ..., steps - 1 and adds the losses up.
/// For sequences so long that even their outputs are too much: a step takes what it needs of inputs and targets itself,
/// and within a budget nothing is kept for it. The step is copied, and what it refers to must live until backward().
/// Throws empty_sequence for no steps, bad_argument, not_scalar, and what the step throws.
template <class Step, class State>
auto unroll(std::int64_t steps, Step step, State initial, const UnrollOptions& options = {},
            Where where = Where::current()) {
  using Loss = std::decay_t<decltype(step(std::int64_t{}, std::as_const(initial)).first)>;
  LossOutput<Loss, State> result{Loss(), std::move(initial)};
  detail::check_steps(steps);
  std::vector<detail::Handle> handles;
  for_each_var(result.state, [&](const auto& v) { handles.push_back(v); });
  detail::TapeCore& tape = detail::tape_of(handles.empty() ? detail::Handle() : handles[0], "unroll");
  if (options.memory != UnrollOptions::unlimited && detail::forgets(tape)) {
    auto* const body = new detail::LossBody<Step, State>(std::move(step), result.state);
    detail::Handle loss;
    detail::run_steps(
        tape, body,
        {.steps = steps, .outputs = detail::StepOutputs::sum, .memory = std::max<std::int64_t>(options.memory, 0)},
        handles, loss, where);
    std::size_t part = 0;
    for_each_var(result.state, [&](auto& v) { v = std::remove_reference_t<decltype(v)>(handles[part++]); });
    result.loss = Loss(loss);
    return result;
  }
  for (std::int64_t t = 0; t < steps; ++t) {
    const LabelGuard label = detail::enter_step(tape, t);
    auto [loss, next] = step(t, std::as_const(result.state));
    result.loss = t == 0 ? loss : add(result.loss, loss, where);
    result.state = std::move(next);
  }
  return result;
}

/// Two cells, one in each direction, outputs side by side: rows [.., m] and [.., n] become [.., m + n].
template <class Forward, class Backward, Scalar T, class ForwardState, class BackwardState>
SequenceOutput<Sequence<T>, std::pair<ForwardState, BackwardState>> bidirectional(
    Forward&& forward, Backward&& backward, const Sequence<T>& xs, ForwardState forward_initial,
    BackwardState backward_initial, Where where = Where::current()) {
  auto [ahead, last] = unroll(forward, xs, std::move(forward_initial), {}, where);
  auto [back, first] = unroll(backward, xs, std::move(backward_initial), {.reverse = true}, where);
  return {concat(ahead, back, where), {std::move(last), std::move(first)}};
}

}  // namespace unspool

#include "unspool/unroll_within.hpp"
