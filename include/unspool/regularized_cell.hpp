// StackOptions, and what they put around the steps of a cell that Recurrent (recurrent.hpp) stacks.
#pragma once

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

/// A cell with recurrent dropout and zoneout around its step. Holds a copy of the cell and its options, or refers to
/// them.
template <Scalar T, class CellType, class State, bool copies = false>
class RegularizedCell {
 public:
  RegularizedCell(const CellType& cell, const StackOptions& options, bool training)
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

  std::conditional_t<copies, const CellType, const CellType&> cell_;
  std::conditional_t<copies, const StackOptions, const StackOptions&> options_;
  bool training_;
  Var<T> mask_;
};

}  // namespace detail
}  // namespace unspool
