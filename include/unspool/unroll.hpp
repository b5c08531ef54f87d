// unroll: runs any cell over a batch of sequences.
//
//   auto cell = [&](us::Var<> x, us::Var<> h) { return tanh(linear(x, W) + linear(h, U, b)); };
//   auto [ys, last] = us::unroll(cell, us::Sequence(tape.input(x), lengths), tape.zeros({B, H}));
//
// A cell is called as cell(x, state) with x [n,...] and a state whose Vars are [n,...], and returns the next state,
// whose first Var is the output, or a pair {output, state}. What a state may be: state.hpp. n is the number of rows that
// have the step: it shrinks (in reverse: grows) over a ragged batch, and rows come longest first. So whatever belongs to
// a row must come in through x or the state; a part that the cell returns as it was is constant over time.
//
// A cell that has the members project(xs) and step(projected, state) gets the whole input projected in one product.
#pragma once

#include "unspool/ops.hpp"
#include "unspool/sequence.hpp"
#include "unspool/state.hpp"

namespace unspool {

struct UnrollOptions {
  bool reverse = false;  ///< from each row's last step to its first; outputs stay at their steps
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

/// Walks the steps that have rows, first to last or last to first.
class UNSPOOL_API StepWalk {
 public:
  StepWalk(std::span<const std::int64_t> lengths, std::span<const std::int64_t> order, bool reverse);
  /// Moves to the first, then to the next step; false after the last.
  bool next();
  std::int64_t step() const { return step_; }
  std::int64_t rows() const { return rows_; }    // that have the step
  std::int64_t first() const { return first_; }  // packed row of the step
  std::int64_t count() const { return count_; }  // steps in all

 private:
  std::int64_t length(std::int64_t place) const;

  std::span<const std::int64_t> lengths_, order_;
  bool reverse_;
  std::int64_t count_, step_, rows_, first_;
};

/// The order is 0, 1, 2, ...
UNSPOOL_API bool is_identity(std::span<const std::int64_t> order);
UNSPOOL_API void invert(std::span<const std::int64_t> order, std::span<std::int64_t> inverse);
/// The place in the batch of every packed row.
UNSPOOL_API void packed_rows(std::span<const std::int64_t> lengths, std::span<const std::int64_t> order,
                             std::span<std::int64_t> rows);

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
Var<T> cell_input(Cell& cell, const Sequence<T>& xs, Where where) {
  const LabelGuard rows = xs.by_step();
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
  const Var<T> input = cell_input<State>(cell, xs, where);
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

/// The longest length.
template <Scalar T>
std::int64_t step_count(const Sequence<T>& xs) {
  return StepWalk(xs.lengths(), xs.sorted_indices(), false).count();
}

/// The outputs of no steps, [0,...]: what the cell makes of no rows.
template <class Cell, Scalar T, class State>
Var<T> no_outputs(Cell& cell, const Sequence<T>& xs, State state, Where where) {
  for_each_var(state, [&](Var<T>& v) { v = slice(v, 0, 0, 0, where); });
  const Var<T> x = cell_input<State>(cell, xs, where);
  return accept<Cell, T>(cell_step(cell, x, state, where), state);
}

/// The outputs of all steps, [N,...]; those of several runs stand in turn and come side by side.
template <Scalar T>
Var<T> assembled(const VarArray<T>& outputs, std::int64_t runs, Where where) {
  const std::span<const Var<T>> all = outputs;
  if (all.size() == 1) return all[0];
  return runs == 1 ? unspool::concat(all, 0, where) : unspool::block(all, static_cast<int>(runs), where);
}

}  // namespace detail

/// Runs a cell over a batch of sequences from an initial state whose Vars are [B,...]. Nodes of step t carry its number.
/// Where no row has a step the cell is called once, with no rows, to know what its outputs look like. Throws
/// shape_mismatch for a state or output that has not one row for each of x, and what the cell throws.
template <class Cell, Scalar T, class State>
SequenceOutput<Sequence<T>, State> unroll(Cell&& cell, const Sequence<T>& xs, State initial,
                                          const UnrollOptions& options = {}, Where where = Where::current()) {
  using Plain = std::remove_reference_t<Cell>;
  detail::TapeCore& tape = detail::tape_of(xs.packed(), "unroll");
  detail::check_initial_widths(cell, initial, xs.batch());
  const std::int64_t steps = detail::step_count(xs);
  if constexpr (requires { cell.run(xs, initial, true, where); })
    if (steps > 0 && cell.runs()) {
      const Var<T> ys = cell.run(xs, initial, options.reverse, where);
      return {xs.with(ys), std::move(initial)};
    }
  detail::VarArray<T> outputs(tape, std::max<std::int64_t>(steps, 1));
  State last = detail::run<Plain, T>(cell, xs, std::move(initial),
                                     {.reverse = options.reverse, .outputs = outputs.begin()}, where);
  if (steps == 0) outputs[0] = detail::no_outputs(cell, xs, last, where);
  return {xs.with(detail::assembled(outputs, 1, where)), std::move(last)};
}

/// The same over x [T,B,...], every row T steps long; outputs are [T,B,...] too.
template <class Cell, Scalar T, class State>
SequenceOutput<Var<T>, State> unroll(Cell&& cell, const Var<T>& x, State initial, const UnrollOptions& options = {},
                                     Where where = Where::current()) {
  auto [outputs, last] = unroll(cell, Sequence<T>(Located<T>(x, where)), std::move(initial), options, where);
  return {outputs.padded(0, where), std::move(last)};
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
