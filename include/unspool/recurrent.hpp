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

#include "unspool/regularized_cell.hpp"

namespace unspool {

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

/// What a layer's cells have between them.
UNSPOOL_API BetweenBytes layer_bytes(const StackOptions& options, bool training, bool first, bool outputs,
                                     std::int64_t rows, std::int64_t row_bytes);

/// The width of a cell's output.
template <class CellType>
std::int64_t output_width(const CellType& cell) {
  if constexpr (requires { cell.output(); })
    return cell.output();
  else
    return cell.hidden();
}

}  // namespace detail

/// How a layer is run over a batch.
struct RunOptions {
  /// Bytes that the layer's cells may take on the tape, such as us::MiB(64): all that UnrollOptions::memory counts, of
  /// all cells, and the rows between them. Each cell has a part of it in proportion to what it would keep. Gradients
  /// keep their bits.
  std::int64_t memory = UnrollOptions::unlimited;
  bool outputs = true;  ///< false: the outputs are not wanted, only the last states; saves their memory
};

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
    return run(xs, nullptr, {}, where);
  }
  SequenceOutput<Sequence<T>, State> operator()(const Sequence<T>& xs, const State& initial,
                                                Where where = Where::current()) const {
    return run(xs, &initial, {}, where);
  }
  /// Within a byte budget, lstm(xs, {.memory = us::MiB(64)}). Cells are copied; what they refer to must live until
  /// backward(). Throws bad_argument for an impossible budget too, naming the least possible one.
  SequenceOutput<Sequence<T>, State> operator()(const Sequence<T>& xs, const RunOptions& options,
                                                Where where = Where::current()) const {
    return run(xs, nullptr, options, where);
  }
  SequenceOutput<Sequence<T>, State> operator()(const Sequence<T>& xs, const State& initial, const RunOptions& options,
                                                Where where = Where::current()) const {
    return run(xs, &initial, options, where);
  }
  /// x [T,B,I], every row T steps long: outputs [T,B,H * directions].
  SequenceOutput<Var<T>, State> operator()(const Var<T>& x, Where where = Where::current()) const {
    return run_padded(x, nullptr, {}, where);
  }
  SequenceOutput<Var<T>, State> operator()(const Var<T>& x, const State& initial,
                                           Where where = Where::current()) const {
    return run_padded(x, &initial, {}, where);
  }
  SequenceOutput<Var<T>, State> operator()(const Var<T>& x, const RunOptions& options,
                                           Where where = Where::current()) const {
    return run_padded(x, nullptr, options, where);
  }
  SequenceOutput<Var<T>, State> operator()(const Var<T>& x, const State& initial, const RunOptions& options,
                                           Where where = Where::current()) const {
    return run_padded(x, &initial, options, where);
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
  using Cell = detail::RegularizedCell<T, CellType, State>;
  using CellCopy = detail::RegularizedCell<T, CellType, State, std::is_copy_constructible_v<CellType>>;
  /// What each cell has of a budget; nothing where there is none.
  struct Shares {
    std::vector<std::int64_t> memory;
    int group = -1;
  };

  int directions() const noexcept { return options_.bidirectional ? 2 : 1; }
  SequenceOutput<Sequence<T>, State> run(const Sequence<T>& xs, const State* initial, const RunOptions& options,
                                         Where where) const;
  SequenceOutput<Var<T>, State> run_padded(const Var<T>& x, const State* initial, const RunOptions& options,
                                           Where where) const {
    detail::check_input(x, false, input_, op_);
    auto [outputs, state] = run(Sequence<T>(Located<T>(x, where)), initial, options, where);
    return {options.outputs ? outputs.padded(0, where) : Var<T>(), std::move(state)};
  }
  Shares share(const Sequence<T>& xs, const State* initial, const RunOptions& options, Where where) const;
  bool run_cell(std::size_t cell, const Sequence<T>& xs, State& state, const detail::RunPlan<T>& plan,
                Where where) const;
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

/// Runs a cell from `state`, which becomes the last one. True: the outputs of all steps are one Var, plan.outputs[0].
template <Scalar T, class CellType>
bool Recurrent<T, CellType>::run_cell(std::size_t at, const Sequence<T>& xs, State& state,
                                      const detail::RunPlan<T>& plan, Where where) const {
  Cell cell(cells_[at], options_, training_);
  cell.draw(state, where);
  const bool any = detail::step_count(xs) > 0, whole = any && cell.runs();
  if (whole)
    *plan.outputs = cell.run(xs, state, plan.reverse, where);
  else
    state = detail::run<Cell, T>(cell, xs, std::move(state), plan, where);
  if (!any) *plan.outputs = detail::no_outputs(cell, xs, state, where);
  return whole;
}

/// Runs every cell for a step, over its own inputs or, where these are still to come, zeros.
template <Scalar T, class CellType>
auto Recurrent<T, CellType>::share(const Sequence<T>& xs, const State* initial, const RunOptions& options,
                                   Where where) const -> Shares {
  detail::TapeCore& tape = *xs.packed().tape();
  const auto both = static_cast<std::size_t>(directions());
  const std::int64_t width = detail::output_width(cells_.front()), rows = xs.total();
  std::vector<detail::StepCost> costs;
  detail::BetweenBytes between;
  for (std::size_t at = 0; at < cells_.size(); ++at) {
    const detail::Rewinding back(tape);
    const bool first = at < both, outputs = options.outputs || at + both < cells_.size();
    const Sequence<T> inputs =
        first ? xs : xs.with(Var<T>(detail::record_stand_in(tape, {rows, width * directions()}, where)));
    State state = initial_state(xs, initial, at, where);
    CellCopy cell(cells_[at], options_, training_);
    cell.draw(state, where);
    const detail::WithinPlan plan{
        .reverse = at % both == 1, .outputs = outputs, .rows_alike = initial == nullptr, .outputs_count = false};
    costs.push_back(detail::measure_within<CellCopy, T>(cell, inputs, state, plan, where));
    between.kept += 4 * costs.back().state_bytes;  // the first and the last one, as they are sorted
    if (at % both != 0) continue;
    const detail::BetweenBytes layer =
        detail::layer_bytes(options_, training_, first, outputs, rows, width * static_cast<std::int64_t>(sizeof(T)));
    between.kept += layer.kept;
    between.walked = std::max(between.walked, layer.walked);
  }
  Shares shares{detail::share_budget(costs, between, options.memory, op_)};
  shares.group = detail::open_budget(tape, costs, shares.memory, between);
  return shares;
}

template <Scalar T, class CellType>
auto Recurrent<T, CellType>::run(const Sequence<T>& xs, const State* initial, const RunOptions& options,
                                 Where where) const -> SequenceOutput<Sequence<T>, State> {
  detail::check_input(xs.packed(), true, input_, op_);
  detail::TapeCore& tape = *xs.packed().tape();
  const LabelGuard scope = detail::enter_scope(tape, name_);
  const std::int64_t steps = detail::step_count(xs), both = directions();
  const auto cells = static_cast<std::int64_t>(cells_.size());
  const bool within = options.memory != UnrollOptions::unlimited && steps > 0 && detail::forgets(tape);
  const Shares shares = within ? share(xs, initial, options, where) : Shares();

  State state = initial_state(xs, initial, 0, where);
  const std::int64_t parts = detail::var_count(state);
  detail::VarArray<T> finals(tape, parts * cells),
      outputs(tape, (within ? 1 : std::max<std::int64_t>(steps, 1)) * both);
  Sequence<T> ys = xs;
  bool whole = false;  // a direction's outputs are one Var instead of one a step
  for (std::int64_t i = 0; i < cells; i += both) {
    const Sequence<T> inputs = i == 0 ? ys : dropped(ys, where);
    const bool wanted = options.outputs || i + both < cells;
    for (std::int64_t d = 0; d < both; ++d) {
      const auto at = static_cast<std::size_t>(i + d);
      const LabelGuard layer = detail::enter_scope(tape, scopes_[at]);
      if (at > 0) state = initial_state(xs, initial, at, where);
      detail::check_parts(detail::var_count(state), parts);
      if (within) {
        CellCopy cell(cells_[at], options_, training_);
        cell.draw(state, where);
        const detail::WithinPlan plan{.reverse = d == 1,
                                      .outputs = wanted,
                                      .rows_alike = initial == nullptr,
                                      .memory = shares.memory[at],
                                      .outputs_count = false,
                                      .group = shares.group};
        outputs[d] = detail::run_within<CellCopy, T>(cell, inputs, state, plan, where);
        whole = true;
      } else {
        whole = run_cell(
            at, inputs, state,
            {.reverse = d == 1, .rows_alike = initial == nullptr, .outputs = outputs.begin() + d, .stride = both},
            where);
      }
      std::int64_t part = 0;
      for_each_var(state, [&](const Var<T>& v) { finals[part++ * cells + i + d] = v; });
    }
    if (!wanted) break;
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
  return {options.outputs ? ys : Sequence<T>(), std::move(state)};
}

}  // namespace unspool
