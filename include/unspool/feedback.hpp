// Networks that read what they said: recurrence from the output, teacher forcing, scheduled sampling.
//
//   us::JordanCell cell(params, "net", {.input = I, .hidden = H, .output = O});
//   us::InverseSigmoidDecay decay{.k = 500};
//   auto [ys, last] = us::teacher_forced(cell, xs, targets, cell.zero_state(tape, B), {.teacher = decay(step)});
//   auto [free, end] = us::unroll(cell, xs, cell.zero_state(tape, B));     // once trained: its own outputs
#pragma once

#include "unspool/cells.hpp"
#include "unspool/unroll.hpp"

namespace unspool {

/// What becomes of an output before it is fed back.
enum class Activation : std::uint8_t { identity, tanh, sigmoid, softmax };

struct JordanCellOptions {
  std::int64_t input = 0;                          ///< I, width of x
  std::int64_t hidden = 0;                         ///< H, number of hidden units
  std::int64_t output = 0;                         ///< O, width of what is fed back
  Nonlinearity nonlinearity = Nonlinearity::tanh;  ///< f, of the hidden units
  Activation activation = Activation::identity;    ///< g, of what is fed back
  CellInit init = {};                              ///< weight_hh is that of the fed-back output
};

/// Recurrence from the output instead of the hidden state: h = f(x W_ih^T + b_ih + y W_yh^T), o = h W_hy^T + b_hy,
/// y' = g(o) (Jordan, ICS report 8604, 1986; Goodfellow, Bengio and Courville, Deep Learning, figure 10.4). The state
/// is y [B,O]; a step's output is o, which is what losses with logits take. Parameters: "name.weight_ih" [H,I],
/// "name.weight_yh" [H,O], "name.bias_ih" [H], "name.weight_hy" [O,H], "name.bias_hy" [O], each with `suffix` appended.
///
/// A step is a function of each row by itself. So where every y is known, as in teacher forcing, all steps are one
/// call: cell(xs.packed(), delayed(targets, start).packed()).
template <Scalar T = float>
class JordanCell {
 public:
  using State = Var<T>;

  /// Throws bad_argument unless all three widths are above 0, duplicate_name.
  JordanCell(ParameterSet<T>& params, std::string name, const JordanCellOptions& options,
             const std::string& suffix = "");

  /// x [B,I], y [B,O] -> {o, y'} [B,O]. Nodes are in the scope `name`.
  std::pair<Var<T>, State> operator()(const Var<T>& x, const State& y, Where where = Where::current()) const;
  /// x W_ih^T + b_ih for x [..., I].
  Var<T> project(const Operand<T>& x, Where where = Where::current()) const;
  /// A step from an input that project() has been applied to, [B,H].
  std::pair<Var<T>, State> step(const Var<T>& projected, const State& y, Where where = Where::current()) const;
  /// Zeros [B,O].
  State zero_state(Tape<T>& tape, std::int64_t batch, Where where = Where::current()) const {
    return tape.zeros({batch, output_}, where);
  }
  /// The same on x's tape.
  State zero_state(const Var<T>& x, std::int64_t batch, Where where = Where::current()) const {
    return new_zeros(x, {batch, output_}, where);
  }

  std::int64_t input() const noexcept { return input_; }
  std::int64_t hidden() const noexcept { return hidden_; }
  std::int64_t output() const noexcept { return output_; }
  std::int64_t state_width(std::int64_t /*part*/) const noexcept { return output_; }

 private:
  std::string name_;
  std::int64_t input_, hidden_, output_;
  Nonlinearity nonlinearity_;
  Activation activation_;
  Parameter<T>* weight_ih_;
  Parameter<T>* weight_yh_;
  Parameter<T>* bias_ih_;
  Parameter<T>* weight_hy_;
  Parameter<T>* bias_hy_;
};

/// Each row one step later: at its first step a row has its row of `initial` [B,...], after that what xs had the step
/// before. What a decoder reads while its outputs are known. Throws shape_mismatch.
template <Scalar T>
Sequence<T> delayed(const Sequence<T>& xs, const Var<T>& initial, Where where = Where::current());

struct ForcingOptions {
  /// The probability that a row's step reads the target of the step before instead of the network's own output, drawn
  /// for each step of each row: 1 is teacher forcing, 0 leaves the network to itself, in between is scheduled sampling
  /// (Bengio et al., NeurIPS 2015).
  double teacher = 1;
  bool detach = false;  ///< no gradient flows through an output that was fed back
};

namespace detail {

UNSPOOL_API void check_forcing(const Handle& fed, const Handle& targets, bool same_lengths, double teacher);
/// [rows,1,...], not 0 where the target is read.
UNSPOOL_API Handle forcing_coins(const Handle& targets, double teacher, Where where);

/// A cell whose state's first Var is replaced, before each step, by the target where the coin says so.
template <Scalar T, class Cell, class State>
class ForcedCell {
 public:
  ForcedCell(Cell& cell, const Var<T>& previous, const ForcingOptions& options, Where where)
      : cell_(cell), previous_(previous), total_(previous.shape()[0]), options_(options) {
    if (options.teacher > 0 && options.teacher < 1) coins_ = Var<T>(forcing_coins(previous, options.teacher, where));
  }
  Var<T> project(const Var<T>& x, Where where = Where::current()) const { return cell_input<State>(cell_, x, where); }
  auto step(const Var<T>& x, const State& state, Where where = Where::current()) {
    const std::int64_t begin = first_, end = begin + x.shape()[0];
    first_ = end;
    State fed = state;
    bool done = begin == 0;  // the initial state is the caller's choice
    for_each_var(fed, [&](Var<T>& part) {
      if (!done) part = choose(part, begin, end, where);
      done = true;
    });
    return cell_step(cell_, x, fed, where);
  }

 private:
  Var<T> choose(const Var<T>& given, std::int64_t begin, std::int64_t end, Where where) const {
    if (options_.teacher == 1) return rows_of(previous_, begin, end, total_, where);
    const Var<T> own = options_.detach ? unspool::detach(given, where) : given;
    if (options_.teacher == 0) return own;
    const Var<T> target = rows_of(previous_, begin, end, total_, where);
    return unspool::where(rows_of(coins_, begin, end, total_, where), target, own, where);
  }

  Cell& cell_;
  Var<T> previous_, coins_;
  std::int64_t total_, first_ = 0;
  ForcingOptions options_;
};

}  // namespace detail

/// unroll() for a cell that reads its own output, the first Var of its state, while the right outputs are known:
/// targets are of xs's lengths, with rows as wide as that Var. Where a cell picks symbols, the Var is what stands for
/// the symbol (an embedding's row), and targets are what stands for the right ones. Throws shape_mismatch, bad_argument
/// for a probability outside 0..1, and what unroll() throws.
template <class Cell, Scalar T, class State>
SequenceOutput<Sequence<T>, State> teacher_forced(Cell&& cell, const Sequence<T>& xs, const Sequence<T>& targets,
                                                  State initial, const ForcingOptions& options = {},
                                                  Where where = Where::current()) {
  using Plain = std::remove_reference_t<Cell>;
  const Var<T> start = detail::first_var<T>(initial);
  detail::check_forcing(start, targets.packed(), xs.same_lengths(targets), options.teacher);
  detail::check_initial_widths(cell, initial, xs.batch());
  const Sequence<T> previous = delayed(targets, start, where);
  detail::ForcedCell<T, Plain, State> forced(cell, previous.packed(), options, where);
  return unroll(forced, xs, std::move(initial), {}, where);
}

// How the probability `teacher` falls over training (Bengio et al., section 2.4): values that map a step number,
// counted from 0. Each throws bad_argument for a negative step or numbers that make no sense.

/// max(least, start - slope step).
struct UNSPOOL_API LinearDecay {
  double start = 1;
  double slope = 1e-3;
  double least = 0;
  double operator()(std::int64_t step) const;
};

/// base^step, base below 1.
struct UNSPOOL_API ExponentialDecay {
  double base = 0.999;
  double operator()(std::int64_t step) const;
};

/// k / (k + exp(step / k)), k at least 1.
struct UNSPOOL_API InverseSigmoidDecay {
  double k = 1000;
  double operator()(std::int64_t step) const;
};

extern template class UNSPOOL_API JordanCell<float>;
extern template class UNSPOOL_API JordanCell<double>;
extern template class UNSPOOL_API JordanCell<Dual<double>>;
extern template UNSPOOL_API Sequence<float> delayed(const Sequence<float>&, const Var<float>&, Where);
extern template UNSPOOL_API Sequence<double> delayed(const Sequence<double>&, const Var<double>&, Where);
extern template UNSPOOL_API Sequence<Dual<double>> delayed(const Sequence<Dual<double>>&, const Var<Dual<double>>&,
                                                           Where);

}  // namespace unspool
