// Recurrent cells: one step of a recurrence over parameters that all steps share. Names, shapes, gate order and initial
// values of the parameters are PyTorch's, so its weights load as they are.
//
//   us::LSTMCell cell(params, "rnn", {.input = I, .hidden = H});
//   us::LSTMState state = cell.zero_state(tape, B);
//   for (int t = 0; t < T; ++t) state = cell(tape.input(x[t]), state);   // state.h is the output
#pragma once

#include <optional>
#include <string>

#include "unspool/parameter.hpp"
#include "unspool/state.hpp"

namespace unspool {

/// f of the plain recurrence h' = f(x W_ih^T + b_ih + h W_hh^T + b_hh).
enum class Nonlinearity : std::uint8_t { tanh, relu };

/// Where a GRU's reset gate acts: on the candidate's recurrent product, W_hn h + b_hn, as PyTorch and cuDNN have it, or
/// on the h that enters it, as in Cho et al., EMNLP 2014, and ONNX with linear_before_reset = 0.
enum class Reset : std::uint8_t { after, before };

/// How a cell's parameters start; what is left out is uniform in ±1/sqrt(hidden), PyTorch's default. Each initialiser
/// sees a whole parameter, all gates stacked.
struct CellInit {
  std::optional<Init> weight_ih = {};
  std::optional<Init> weight_hh = {};
  std::optional<Init> bias = {};
};

struct RNNCellOptions {
  std::int64_t input = 0;   ///< I, width of x
  std::int64_t hidden = 0;  ///< H, number of units
  Nonlinearity nonlinearity = Nonlinearity::tanh;
  double leak = 1;          ///< a in h' = (1 - a) h + a f(...), above 0 and at most 1; the smaller the slower
  bool learn_leak = false;  ///< one rate for each unit, learnt as sigmoid("leak"), from `leak` on; then below 1
  CellInit init = {};
  bool fused = true;  ///< one op a step; false composes the step of elementary ops, with the same numbers
};

struct LSTMCellOptions {
  std::int64_t input = 0;       ///< I, width of x
  std::int64_t hidden = 0;      ///< H, number of units
  std::int64_t projection = 0;  ///< P: h is W_hr o tanh(c), P wide instead of H; 0: no projection
  bool peephole = false;        ///< gates see the memory cell
  bool layer_norm = false;      ///< sums and memory cell are normalised
  double forget_bias = 0;       ///< added to the forget gate's bias at the start; see forget_gate_bias()
  CellInit init = {};
  bool fused = true;  ///< as in RNNCellOptions
};

struct GRUCellOptions {
  std::int64_t input = 0;   ///< I, width of x
  std::int64_t hidden = 0;  ///< H, number of units
  Reset reset = Reset::after;
  CellInit init = {};
  bool fused = true;  ///< as in RNNCellOptions
};

/// What an LSTM hands from step to step: the hidden state [B,H] (with a projection [B,P]), which is also its output,
/// and the memory cell [B,H].
template <Scalar T = float>
struct LSTMState {
  Var<T> h;
  Var<T> c;
};
template <Scalar T>
LSTMState(Var<T>, Var<T>) -> LSTMState<T>;

template <Scalar T>
class Sequence;

namespace detail {

/// A cell's four parameters, which live in the set: G gates, weight_ih [G*H,I], weight_hh [G*H,output], biases [G*H].
template <Scalar T>
struct CellWeights {
  Parameter<T>* weight_ih = nullptr;
  Parameter<T>* weight_hh = nullptr;
  Parameter<T>* bias_ih = nullptr;
  Parameter<T>* bias_hh = nullptr;
};

/// The gain and the shift of a layer normalisation, null where there is none.
template <Scalar T>
struct NormWeights {
  Parameter<T>* weight = nullptr;
  Parameter<T>* bias = nullptr;
};

}  // namespace detail

/// What the cells share. The parameters "name.weight_ih", "name.weight_hh", "name.bias_ih" and "name.bias_hh", each
/// with `suffix` appended, are added to the set, which must outlive the cell. Cells are handles: cheap to copy.
template <Scalar T>
class Cell {
 public:
  std::int64_t input() const noexcept { return input_; }
  std::int64_t hidden() const noexcept { return hidden_; }
  /// Width of a step's output: the hidden width, or an LSTM's projection.
  std::int64_t output() const noexcept { return output_; }
  const std::string& name() const noexcept { return name_; }
  /// The parameters, for initialising or exporting them.
  const detail::CellWeights<T>& weights() const noexcept { return weights_; }

  /// Extent of a state's Var number `part` but the batch's.
  std::int64_t state_width(std::int64_t part) const noexcept { return part == 0 ? output_ : hidden_; }
  /// x W_ih^T + b_ih for x [..., I]: what step() takes, for all steps at once where x is known for all.
  Var<T> project(const Operand<T>& x, Where where = Where::current()) const;

 protected:
  Cell(ParameterSet<T>& params, std::string name, const char* op, int gates, std::int64_t input, std::int64_t hidden,
       std::int64_t output, const CellInit& init, const std::string& suffix);
  /// "name.what" + suffix, or without the dot where the cell has no name.
  std::string parameter_name(const char* what, const std::string& suffix) const;

  std::string name_;
  std::int64_t input_;
  std::int64_t hidden_;
  std::int64_t output_;
  detail::CellWeights<T> weights_;
  bool fresh_;  // the parameters were added to the set, and not found there
};

/// h' = tanh or relu of (x W_ih^T + b_ih + h W_hh^T + b_hh): Elman, Cognitive Science 14(2), 1990. With a leak a < 1
/// the units are leaky: h' = (1 - a) h + a tanh or relu of the same, so that h forgets with a time constant of about
/// 1 / a steps (Jaeger et al., Neural Networks 20(3), 2007, eq. 3 with gain 1); a learnt leak adds "name.leak" [H].
template <Scalar T = float>
class RNNCell : public Cell<T> {
 public:
  using State = Var<T>;

  /// Throws bad_argument unless input and hidden are above 0 and the leak is in range, duplicate_name.
  RNNCell(ParameterSet<T>& params, std::string name, const RNNCellOptions& options, const std::string& suffix = "");

  /// x [B,I], h [B,H] -> h' [B,H]. Nodes are in the scope `name`.
  State operator()(const Var<T>& x, const State& h, Where where = Where::current()) const;
  /// The same from an input that project() has been applied to, [B,H].
  State step(const Var<T>& projected, const State& h, Where where = Where::current()) const;
  /// The same with another h, such as one with dropout, in the recurrent product alone.
  State step(const Var<T>& projected, const State& h, const Var<T>& recurrent, Where where = Where::current()) const;
  /// Zeros [B,H].
  State zero_state(Tape<T>& tape, std::int64_t batch, Where where = Where::current()) const {
    return tape.zeros({batch, this->hidden()}, where);
  }
  /// The same on x's tape.
  State zero_state(const Var<T>& x, std::int64_t batch, Where where = Where::current()) const {
    return new_zeros(x, {batch, this->hidden()}, where);
  }

  /// Every step of xs, in packed order [N,H], from `state`, which becomes the state after each row's last step (in
  /// reverse: its first), both in the order of the batch. A node a step, as with step(); nothing is sliced or copied.
  Var<T> run(const Sequence<T>& xs, State& state, bool reverse, Where where = Where::current()) const;
  /// Whether run() may be used: the cell is fused and does not leak.
  bool runs() const noexcept { return fused_ && !leaks(); }

  Nonlinearity nonlinearity() const noexcept { return nonlinearity_; }
  /// Whether units are leaky, by a fixed or a learnt rate.
  bool leaks() const noexcept { return leak_ < 1 || learnt_leak_ != nullptr; }

 private:
  Nonlinearity nonlinearity_;
  bool fused_;
  double leak_;
  Parameter<T>* learnt_leak_ = nullptr;  // the leak's logit, [H]
};

/// Long short-term memory: Hochreiter and Schmidhuber, Neural Computation 9(8), 1997, with forget gates. i, f, o =
/// sigmoid and g = tanh of the four row blocks i, f, g, o of x W_ih^T + b_ih + h W_hh^T + b_hh; c' = f c + i g,
/// h' = o tanh(c').
///
/// projection: h' = (o tanh(c')) W_hr^T with "name.weight_hr" [P,H] (Sak, Senior and Beaufays, Interspeech 2014,
/// without the non-recurrent part), as PyTorch's proj_size; weight_hh is [4H,P] then.
/// peephole: p_i c, p_f c and p_o c' are added to the sums of i, f and o (Gers and Schmidhuber, IJCNN 2000), with
/// "name.weight_peephole" [3H], blocks i, o, f, which is ONNX's P.
/// layer_norm: the sums are LN(x W_ih^T) + b_ih + LN(h W_hh^T) + b_hh, each LN over all 4H, and h' = o tanh(LN(c'))
/// (Ba, Kiros and Hinton, arXiv:1607.06450, eq. 20 to 22), with gains "name.norm_ih_weight" [4H], "name.norm_hh_weight"
/// [4H], "name.norm_c_weight" [H] and shifts "..._bias".
template <Scalar T = float>
class LSTMCell : public Cell<T> {
 public:
  using State = LSTMState<T>;

  /// Throws bad_argument unless input and hidden are above 0 and the projection is below hidden, duplicate_name.
  LSTMCell(ParameterSet<T>& params, std::string name, const LSTMCellOptions& options, const std::string& suffix = "");

  /// x W_ih^T + b_ih for x [..., I], normalised where the cell is.
  Var<T> project(const Operand<T>& x, Where where = Where::current()) const;
  /// x [B,I], h and c [B,H] -> h' and c' [B,H]. Nodes are in the scope `name`.
  State operator()(const Var<T>& x, const State& state, Where where = Where::current()) const;
  /// The same from an input that project() has been applied to, [B,4H].
  State step(const Var<T>& projected, const State& state, Where where = Where::current()) const;
  /// Zeros: h [B,H] or, with a projection, [B,P], and c [B,H].
  State zero_state(Tape<T>& tape, std::int64_t batch, Where where = Where::current()) const {
    return {tape.zeros({batch, this->output()}, where), tape.zeros({batch, this->hidden()}, where)};
  }
  /// The same on x's tape.
  State zero_state(const Var<T>& x, std::int64_t batch, Where where = Where::current()) const {
    const Var<T> c = new_zeros(x, {batch, this->hidden()}, where);
    return {this->output() == this->hidden() ? c : new_zeros(x, {batch, this->output()}, where), c};
  }

  /// Every step of xs, in packed order [N,H], from `state`, which becomes the state after each row's last step (in
  /// reverse: its first), both in the order of the batch. A node a step, as with step(); nothing is sliced or copied.
  Var<T> run(const Sequence<T>& xs, State& state, bool reverse, Where where = Where::current()) const;
  /// Whether run() may be used: the cell is fused and has nothing beyond the plain equations.
  bool runs() const noexcept { return fused_; }

  /// Null where the cell has none.
  Parameter<T>* weight_hr() const noexcept { return weight_hr_; }
  Parameter<T>* weight_peephole() const noexcept { return weight_peephole_; }
  /// Whether sums and memory cell are normalised.
  bool normalizes() const noexcept { return norm_c_.weight != nullptr; }

 private:
  Var<T> normalized(const Var<T>& x, const detail::NormWeights<T>& norm, Where where) const;

  bool fused_;
  Parameter<T>* weight_hr_ = nullptr;
  Parameter<T>* weight_peephole_ = nullptr;
  detail::NormWeights<T> norm_ih_, norm_hh_, norm_c_;
};

/// Gated recurrent unit: Cho et al., EMNLP 2014. Row blocks r, z, n; r, z = sigmoid(x-part + h-part),
/// n = tanh(x-part + r * h-part), h' = (1 - z) n + z h. With Reset::before n = tanh(x-part + (r * h) W_hn^T + b_hn).
template <Scalar T = float>
class GRUCell : public Cell<T> {
 public:
  using State = Var<T>;

  /// Throws bad_argument unless input and hidden are above 0, duplicate_name.
  GRUCell(ParameterSet<T>& params, std::string name, const GRUCellOptions& options, const std::string& suffix = "");

  /// x [B,I], h [B,H] -> h' [B,H]. Nodes are in the scope `name`.
  State operator()(const Var<T>& x, const State& h, Where where = Where::current()) const;
  /// The same from an input that project() has been applied to, [B,3H].
  State step(const Var<T>& projected, const State& h, Where where = Where::current()) const;
  /// The same with another h, such as one with dropout, in the recurrent product alone.
  State step(const Var<T>& projected, const State& h, const Var<T>& recurrent, Where where = Where::current()) const;
  /// Zeros [B,H].
  State zero_state(Tape<T>& tape, std::int64_t batch, Where where = Where::current()) const {
    return tape.zeros({batch, this->hidden()}, where);
  }
  /// The same on x's tape.
  State zero_state(const Var<T>& x, std::int64_t batch, Where where = Where::current()) const {
    return new_zeros(x, {batch, this->hidden()}, where);
  }

  /// Every step of xs, in packed order [N,H], from `state`, which becomes the state after each row's last step (in
  /// reverse: its first), both in the order of the batch. A node a step, as with step(); nothing is sliced or copied.
  Var<T> run(const Sequence<T>& xs, State& state, bool reverse, Where where = Where::current()) const;
  /// Whether run() may be used: the cell is fused, and resets after the product.
  bool runs() const noexcept { return fused_ && reset_ == Reset::after; }

  Reset reset() const noexcept { return reset_; }

 private:
  bool fused_;
  Reset reset_;
};

/// Adds `value` to the forget gate's block of an LSTM bias [4H]: with 1 or 2 a new network remembers until it has
/// learnt to forget (Jozefowicz, Zaremba and Sutskever, ICML 2015, section 2.3). Throws bad_shape for another shape.
template <Scalar T>
void forget_gate_bias(Parameter<T>& bias, double value);

extern template class UNSPOOL_API Cell<float>;
extern template class UNSPOOL_API Cell<double>;
extern template class UNSPOOL_API Cell<Dual<double>>;
extern template class UNSPOOL_API RNNCell<float>;
extern template class UNSPOOL_API RNNCell<double>;
extern template class UNSPOOL_API RNNCell<Dual<double>>;
extern template class UNSPOOL_API LSTMCell<float>;
extern template class UNSPOOL_API LSTMCell<double>;
extern template class UNSPOOL_API LSTMCell<Dual<double>>;
extern template class UNSPOOL_API GRUCell<float>;
extern template class UNSPOOL_API GRUCell<double>;
extern template class UNSPOOL_API GRUCell<Dual<double>>;
extern template UNSPOOL_API void forget_gate_bias(Parameter<float>&, double);
extern template UNSPOOL_API void forget_gate_bias(Parameter<double>&, double);
extern template UNSPOOL_API void forget_gate_bias(Parameter<Dual<double>>&, double);

}  // namespace unspool
