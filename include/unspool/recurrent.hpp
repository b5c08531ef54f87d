// Recurrent: cells stacked in layers, in one or both directions, over a batch of sequences. RNN, LSTM and GRU
// (layers.hpp) are this with our cells; a cell of your own is stacked the same way:
//
//   us::Recurrent<float, MyCell> stack("encoder", {.layers = 2, .bidirectional = true}, I,
//       [&](std::int64_t input, const std::string& suffix) { return MyCell(params, "encoder", input, H, suffix); });
//   auto [ys, state] = stack(us::Sequence(tape.input(x), lengths));
//
// MyCell has what unroll (unroll.hpp) asks of a cell and two functions more: zero_state(x, batch), the initial state on
// x's tape, the same for every row, and hidden() or output(), the width of its output.
#pragma once

#include <string>
#include <vector>

#include "unspool/unroll.hpp"

namespace unspool {

/// How cells are stacked. Dropout and zoneout act while training only (zoneout takes its mean otherwise).
struct StackOptions {
  int layers = 1;
  bool bidirectional = false;    ///< a second cell for each layer runs from the end; outputs are side by side
  bool residual = false;         ///< every layer but the first adds its input to its output
  double dropout = 0;            ///< probability, on the input of every layer but the first
  bool variational = false;      ///< one dropout mask for all steps of a row (Gal and Ghahramani, NeurIPS 2016)
  double recurrent_dropout = 0;  ///< on the h that enters the recurrent product, one mask for all steps
  double zoneout = 0;            ///< probability that an element of h stays as it was (Krueger et al., ICLR 2017)
  double zoneout_cell = 0;       ///< the same for the state's other parts, an LSTM's c
};

namespace detail {

UNSPOOL_API void check_stack(const StackOptions& options, const char* op);
/// Throws bad_argument where zoneout is asked of a cell whose state is a history: no part of it follows on itself.
UNSPOOL_API void check_no_zoneout(const StackOptions& options, const char* op);
/// Layer k, forward or reverse: "_l0", "_l0_reverse".
UNSPOOL_API std::string layer_suffix(int layer, bool reverse);
/// Throws stale_handle, shape_mismatch unless x is [T,B,input] or, packed, [N,input].
UNSPOOL_API void check_input(const Handle& x, bool packed, std::int64_t input, const char* op);
/// Throws shape_mismatch unless a part of an initial state is [cells,batch,width]; width is -1 where it is not known.
UNSPOOL_API void check_initial(const Shape& part, std::int64_t cells, std::int64_t batch, std::int64_t width,
                               const char* op);

/// The width of a cell's output.
template <class CellType>
std::int64_t output_width(const CellType& cell) {
  if constexpr (requires { cell.output(); })
    return cell.output();
  else
    return cell.hidden();
}

/// A cell with recurrent dropout and zoneout around its step.
template <Scalar T, class CellType, class State>
class RegularizedCell {
 public:
  RegularizedCell(const CellType& cell, const StackOptions& options, bool training) noexcept
      : cell_(cell), options_(options), training_(training) {}

  /// Draws the mask of recurrent dropout, the same for all steps.
  void draw(const State& initial, Where where) {
    if (!training_ || options_.recurrent_dropout == 0) return;
    const Var<T> h = first_var<T>(initial);
    const Var<T> ones(record_constant(*h.tape(), h.shape(), 1, where));
    mask_ = dropout(ones, options_.recurrent_dropout, where);
  }
  /// The cell has a run over whole sequences and nothing comes between its steps.
  bool runs() const {
    if constexpr (requires { cell_.runs(); })
      return cell_.runs() && mask_.empty() && options_.zoneout == 0 && options_.zoneout_cell == 0;
    return false;
  }
  Var<T> run(const Sequence<T>& xs, State& state, bool reverse, Where where) const {
    if constexpr (requires { cell_.runs(); })
      return cell_.run(xs, state, reverse, where);
    else
      return {};
  }
  Var<T> project(const Var<T>& x, Where where = Where::current()) const { return cell_input<State>(cell_, x, where); }
  auto step(const Var<T>& x, const State& state, Where where = Where::current()) const {
    auto next = mask_.empty() ? cell_step(cell_, x, state, where) : masked_step(x, state, where);
    if (options_.zoneout > 0 || options_.zoneout_cell > 0) {
      if constexpr (std::is_convertible_v<decltype(next), State>) {
        zone_out(next, state, where);
      } else {
        auto& [output, next_state] = next;
        zone_out(next_state, state, where);
      }
    }
    return next;
  }

 private:
  auto masked_step(const Var<T>& x, const State& state, Where where) const {
    const Var<T> h = first_var<T>(state);
    const std::int64_t rows = h.shape()[0];
    const Var<T> masked = mul(h, rows_of(mask_, 0, rows, mask_.shape()[0], where), where);
    if constexpr (requires { cell_.step(x, state, masked, where); }) {
      return cell_.step(x, state, masked, where);
    } else {
      State dropped = state;
      bool first = true;
      for_each_var(dropped, [&](Var<T>& v) {
        if (first) v = masked;
        first = false;
      });
      return cell_step(cell_, x, dropped, where);
    }
  }
  void zone_out(State& next, const State& previous, Where where) const {
    check_parts(var_count(next), var_count(previous));
    VarArray<T> before(*first_var<T>(next).tape(), var_count(previous));
    std::int64_t part = 0;
    for_each_var(previous, [&](const Var<T>& v) { before[part++] = v; });
    part = 0;
    for_each_var(next, [&](Var<T>& v) {
      const double p = part == 0 ? options_.zoneout : options_.zoneout_cell;
      const Var<T> was = before[part++];
      if (p > 0)
        v = training_ ? zoneout(v, was, p, where) : add(mul_scalar(was, p, where), mul_scalar(v, 1 - p, where), where);
    });
  }

  const CellType& cell_;
  const StackOptions& options_;
  bool training_;
  Var<T> mask_;
};

}  // namespace detail

template <Scalar T, class CellType>
class Recurrent {
 public:
  using State = decltype(std::declval<const CellType&>().zero_state(std::declval<const Var<T>&>(), std::int64_t{}));

  /// make(width of the input, suffix "_l0", "_l0_reverse", "_l1", ...) returns the cell of each layer and direction, in
  /// this order. Throws bad_argument for options out of range, and what make throws.
  template <class MakeCell>
  Recurrent(std::string name, const StackOptions& options, std::int64_t input, MakeCell make,
            const char* op = "Recurrent")
      : name_(std::move(name)), op_(op), input_(input), options_(options) {
    detail::check_stack(options, op);
    if constexpr (requires { CellType::keeps_history; }) detail::check_no_zoneout(options, op);
    for (int k = 0; k < options.layers; ++k)
      for (int d = 0; d < directions(); ++d) {
        const std::string suffix = detail::layer_suffix(k, d == 1);
        cells_.push_back(make(k == 0 ? input : directions() * detail::output_width(cells_.front()), suffix));
        scopes_.push_back(suffix.substr(1));
      }
  }

  /// xs of rows [I] from zero states, [layers * directions,B,H]: index = layer * directions + direction, as PyTorch has
  /// it. Nodes are in the scope "name/l0". Throws shape_mismatch.
  SequenceOutput<Sequence<T>, State> operator()(const Sequence<T>& xs, Where where = Where::current()) const {
    return run(xs, nullptr, where);
  }
  SequenceOutput<Sequence<T>, State> operator()(const Sequence<T>& xs, const State& initial,
                                                Where where = Where::current()) const {
    return run(xs, &initial, where);
  }
  /// x [T,B,I], every row T steps long: outputs [T,B,H * directions].
  SequenceOutput<Var<T>, State> operator()(const Var<T>& x, Where where = Where::current()) const {
    return run_padded(x, nullptr, where);
  }
  SequenceOutput<Var<T>, State> operator()(const Var<T>& x, const State& initial,
                                           Where where = Where::current()) const {
    return run_padded(x, &initial, where);
  }

  /// Turns dropout and zoneout on (the default) or off.
  void set_training(bool training) noexcept { training_ = training; }
  bool training() const noexcept { return training_; }
  /// The cells, layer by layer, forward before reverse, for loops of your own.
  const std::vector<CellType>& cells() const noexcept { return cells_; }
  const std::string& name() const noexcept { return name_; }
  /// Width of the input.
  std::int64_t input() const noexcept { return input_; }
  const StackOptions& options() const noexcept { return options_; }

 private:
  int directions() const noexcept { return options_.bidirectional ? 2 : 1; }
  SequenceOutput<Sequence<T>, State> run(const Sequence<T>& xs, const State* initial, Where where) const;
  SequenceOutput<Var<T>, State> run_padded(const Var<T>& x, const State* initial, Where where) const {
    detail::check_input(x, false, input_, op_);
    auto [outputs, state] = run(Sequence<T>(Located<T>(x, where)), initial, where);
    return {outputs.padded(0, where), std::move(state)};
  }
  State initial_state(const Sequence<T>& xs, const State* initial, std::size_t cell, Where where) const;
  Sequence<T> dropped(const Sequence<T>& xs, Where where) const;

  std::string name_;
  const char* op_;
  std::int64_t input_;
  StackOptions options_;
  std::vector<CellType> cells_;
  std::vector<std::string> scopes_;  // "l0", "l0_reverse", "l1", ...
  bool training_ = true;
};

template <Scalar T, class CellType>
auto Recurrent<T, CellType>::initial_state(const Sequence<T>& xs, const State* initial, std::size_t cell,
                                           Where where) const -> State {
  if (initial == nullptr) {
    if constexpr (requires { cells_[cell].zero_state(xs.packed(), xs.batch(), where); })
      return cells_[cell].zero_state(xs.packed(), xs.batch(), where);
    else
      return cells_[cell].zero_state(xs.packed(), xs.batch());
  }
  State state = *initial;
  std::int64_t part = 0;
  for_each_var(state, [&](Var<T>& v) {
    std::int64_t width = -1;
    if constexpr (requires { cells_[cell].state_width(part); }) width = cells_[cell].state_width(part);
    detail::check_initial(v.shape(), static_cast<std::int64_t>(cells_.size()), xs.batch(), width, op_);
    v = select(v, 0, static_cast<std::int64_t>(cell), where);
    ++part;
  });
  return state;
}

/// Dropout between layers; with one mask for all steps of a row where it is variational.
template <Scalar T, class CellType>
Sequence<T> Recurrent<T, CellType>::dropped(const Sequence<T>& xs, Where where) const {
  if (!training_ || options_.dropout == 0) return xs;
  if (!options_.variational) return xs.with(dropout(xs.packed(), options_.dropout, where));
  detail::Scratch<std::int64_t> rows(*xs.packed().tape(), xs.total());
  detail::packed_rows(xs.lengths(), xs.sorted_indices(), {rows.begin(), rows.size()});
  return xs.with(locked_dropout(xs.packed(), options_.dropout, Ids(rows), where));
}

template <Scalar T, class CellType>
auto Recurrent<T, CellType>::run(const Sequence<T>& xs, const State* initial, Where where) const
    -> SequenceOutput<Sequence<T>, State> {
  using Cell = detail::RegularizedCell<T, CellType, State>;
  detail::check_input(xs.packed(), true, input_, op_);
  detail::TapeCore& tape = *xs.packed().tape();
  const LabelGuard scope = detail::enter_scope(tape, name_);
  const std::int64_t steps = detail::step_count(xs), both = directions();
  const auto cells = static_cast<std::int64_t>(cells_.size());

  State state = initial_state(xs, initial, 0, where);
  const std::int64_t parts = detail::var_count(state);
  detail::VarArray<T> finals(tape, parts * cells), outputs(tape, std::max<std::int64_t>(steps, 1) * both);
  Sequence<T> ys = xs;
  bool whole = false;  // a direction's outputs are one Var instead of one a step
  for (std::int64_t i = 0; i < cells; i += both) {
    const Sequence<T> inputs = i == 0 ? ys : dropped(ys, where);
    for (std::int64_t d = 0; d < both; ++d) {
      const auto at = static_cast<std::size_t>(i + d);
      const LabelGuard layer = detail::enter_scope(tape, scopes_[at]);
      if (at > 0) state = initial_state(xs, initial, at, where);
      detail::check_parts(detail::var_count(state), parts);
      Cell cell(cells_[at], options_, training_);
      cell.draw(state, where);
      if ((whole = steps > 0 && cell.runs()))
        outputs[d] = cell.run(inputs, state, d == 1, where);
      else
        state = detail::run<Cell, T>(
            cell, inputs, std::move(state),
            {.reverse = d == 1, .rows_alike = initial == nullptr, .outputs = outputs.begin() + d, .stride = both},
            where);
      if (steps == 0) outputs[d] = detail::no_outputs(cell, inputs, state, where);
      std::int64_t part = 0;
      for_each_var(state, [&](const Var<T>& v) { finals[part++ * cells + i + d] = v; });
    }
    const LabelGuard layer = detail::enter_scope(tape, scopes_[static_cast<std::size_t>(i)]);
    const std::span<const Var<T>> runs(outputs.begin(), static_cast<std::size_t>(both));
    Var<T> all = !whole      ? detail::assembled(outputs, both, where)
                 : both == 1 ? outputs[0]
                             : unspool::concat(runs, 1, where);
    if (options_.residual && i > 0) all = add(all, ys.packed(), where);
    ys = ys.with(all);
  }
  std::int64_t part = 0;
  for_each_var(state, [&](Var<T>& v) {
    v = stack(std::span<const Var<T>>(finals.begin() + part++ * cells, static_cast<std::size_t>(cells)), 0, where);
  });
  return {ys, std::move(state)};
}

}  // namespace unspool
