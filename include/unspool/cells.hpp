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

/// How a cell's parameters start; what is left out is uniform in ±1/sqrt(hidden), PyTorch's default. Each initialiser
/// sees a whole parameter, all gates stacked.
struct CellInit {
  std::optional<Init> weight_ih = {};
  std::optional<Init> weight_hh = {};
  std::optional<Init> bias = {};
};

struct RNNCellOptions {
  std::int64_t input = 0;
  std::int64_t hidden = 0;
  Nonlinearity nonlinearity = Nonlinearity::tanh;
  CellInit init = {};
  bool fused = true;  ///< one op a step; false composes the step of elementary ops, with the same numbers
};

struct LSTMCellOptions {
  std::int64_t input = 0;
  std::int64_t hidden = 0;
  double forget_bias = 0;  ///< added to the forget gate's bias at the start; see forget_gate_bias()
  CellInit init = {};
  bool fused = true;
};

struct GRUCellOptions {
  std::int64_t input = 0;
  std::int64_t hidden = 0;
  CellInit init = {};
  bool fused = true;
};

/// What an LSTM hands from step to step: the hidden state, which is also its output, and the memory cell.
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

/// A cell's four parameters, which live in the set: G gates, weight_ih [G*H,I], weight_hh [G*H,H], biases [G*H].
template <Scalar T>
struct CellWeights {
  Parameter<T>* weight_ih = nullptr;
  Parameter<T>* weight_hh = nullptr;
  Parameter<T>* bias_ih = nullptr;
  Parameter<T>* bias_hh = nullptr;
};

}  // namespace detail

/// What the cells share. The parameters "name.weight_ih", "name.weight_hh", "name.bias_ih" and "name.bias_hh", each
/// with `suffix` appended, are added to the set, which must outlive the cell. Cells are handles: cheap to copy.
template <Scalar T>
class Cell {
 public:
  std::int64_t input() const noexcept { return input_; }
  std::int64_t hidden() const noexcept { return hidden_; }
  const std::string& name() const noexcept { return name_; }

  /// Extent of a state's Var number `part` but the batch's.
  std::int64_t state_width(std::int64_t /*part*/) const noexcept { return hidden_; }
  /// x W_ih^T + b_ih for x [..., I]: what step() takes, for all steps at once where x is known for all.
  Var<T> project(const Operand<T>& x, Where where = Where::current()) const;

 protected:
  Cell(ParameterSet<T>& params, std::string name, const char* op, int gates, std::int64_t input, std::int64_t hidden,
       const CellInit& init, const std::string& suffix);

  std::string name_;
  std::int64_t input_;
  std::int64_t hidden_;
  detail::CellWeights<T> weights_;
};

/// h' = tanh or relu of (x W_ih^T + b_ih + h W_hh^T + b_hh): Elman, Cognitive Science 14(2), 1990.
template <Scalar T = float>
class RNNCell : public Cell<T> {
 public:
  using State = Var<T>;

  /// Throws bad_argument unless input and hidden are above 0, duplicate_name.
  RNNCell(ParameterSet<T>& params, std::string name, const RNNCellOptions& options, const std::string& suffix = "");

  /// x [B,I], h [B,H] -> h' [B,H]. Nodes are in the scope `name`.
  State operator()(const Var<T>& x, const State& h, Where where = Where::current()) const;
  /// The same from an input that project() has been applied to, [B,H].
  State step(const Var<T>& projected, const State& h, Where where = Where::current()) const;
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
  /// Whether run() may be used: the cell is fused.
  bool runs() const noexcept { return fused_; }

 private:
  Nonlinearity nonlinearity_;
  bool fused_;
};

/// Long short-term memory: Hochreiter and Schmidhuber, Neural Computation 9(8), 1997, with forget gates. i, f, o =
/// sigmoid and g = tanh of the four row blocks i, f, g, o of x W_ih^T + b_ih + h W_hh^T + b_hh; c' = f c + i g,
/// h' = o tanh(c').
template <Scalar T = float>
class LSTMCell : public Cell<T> {
 public:
  using State = LSTMState<T>;

  LSTMCell(ParameterSet<T>& params, std::string name, const LSTMCellOptions& options, const std::string& suffix = "");

  /// x [B,I], h and c [B,H] -> h' and c' [B,H].
  State operator()(const Var<T>& x, const State& state, Where where = Where::current()) const;
  /// The same from an input that project() has been applied to, [B,4H].
  State step(const Var<T>& projected, const State& state, Where where = Where::current()) const;
  State zero_state(Tape<T>& tape, std::int64_t batch, Where where = Where::current()) const {
    return {tape.zeros({batch, this->hidden()}, where), tape.zeros({batch, this->hidden()}, where)};
  }
  /// The same on x's tape.
  State zero_state(const Var<T>& x, std::int64_t batch, Where where = Where::current()) const {
    const Var<T> zeros = new_zeros(x, {batch, this->hidden()}, where);
    return {zeros, zeros};
  }

  /// Every step of xs, in packed order [N,H], from `state`, which becomes the state after each row's last step (in
  /// reverse: its first), both in the order of the batch. A node a step, as with step(); nothing is sliced or copied.
  Var<T> run(const Sequence<T>& xs, State& state, bool reverse, Where where = Where::current()) const;
  /// Whether run() may be used: the cell is fused.
  bool runs() const noexcept { return fused_; }

 private:
  bool fused_;
};

/// Gated recurrent unit: Cho et al., EMNLP 2014, with the reset gate after the product, as PyTorch has it. Row blocks
/// r, z, n; r, z = sigmoid(x-part + h-part), n = tanh(x-part + r * h-part), h' = (1 - z) n + z h.
template <Scalar T = float>
class GRUCell : public Cell<T> {
 public:
  using State = Var<T>;

  GRUCell(ParameterSet<T>& params, std::string name, const GRUCellOptions& options, const std::string& suffix = "");

  /// x [B,I], h [B,H] -> h' [B,H].
  State operator()(const Var<T>& x, const State& h, Where where = Where::current()) const;
  /// The same from an input that project() has been applied to, [B,3H].
  State step(const Var<T>& projected, const State& h, Where where = Where::current()) const;
  /// The same with another h, such as one with dropout, in the recurrent product alone.
  State step(const Var<T>& projected, const State& h, const Var<T>& recurrent, Where where = Where::current()) const;
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
  /// Whether run() may be used: the cell is fused.
  bool runs() const noexcept { return fused_; }

 private:
  bool fused_;
};

/// Adds `value` to the forget gate's block of an LSTM bias [4H]: with 1 or 2 a new network remembers until it has
/// learnt to forget (Jozefowicz, Zaremba and Sutskever, ICML 2015, section 2.3). Throws bad_shape for another shape.
template <Scalar T>
void forget_gate_bias(Parameter<T>& bias, double value);

extern template class UNSPOOL_API Cell<float>;
extern template class UNSPOOL_API Cell<double>;
extern template class UNSPOOL_API RNNCell<float>;
extern template class UNSPOOL_API RNNCell<double>;
extern template class UNSPOOL_API LSTMCell<float>;
extern template class UNSPOOL_API LSTMCell<double>;
extern template class UNSPOOL_API GRUCell<float>;
extern template class UNSPOOL_API GRUCell<double>;
extern template UNSPOOL_API void forget_gate_bias(Parameter<float>&, double);
extern template UNSPOOL_API void forget_gate_bias(Parameter<double>&, double);

}  // namespace unspool
