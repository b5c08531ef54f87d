// Layers: Linear, Embedding, and RNN, LSTM and GRU over whole sequences, time first. Parameter names, shapes and
// initial values are PyTorch's.
//
//   us::LSTM lstm(params, "rnn", {.input = I, .hidden = H, .layers = 2});
//   auto [ys, state] = lstm(tape.input(x));   // x [T,B,I] -> ys [T,B,H], state.h and state.c [layers,B,H]
//
// Layers refer to parameters in the set, which must outlive them.
#pragma once

#include "unspool/cells.hpp"
#include "unspool/ids.hpp"
#include "unspool/recurrent.hpp"

namespace unspool {

struct LinearOptions {
  std::int64_t input = 0;   ///< width of x
  std::int64_t output = 0;  ///< width of y
  bool bias = true;
  std::optional<Init> weight_init = {};  ///< default: uniform in ±1/sqrt(input), and the bias too
  std::optional<Init> bias_init = {};
};

/// y = x W^T + b with "name.weight" [out,in] and "name.bias" [out].
template <Scalar T = float>
class Linear {
 public:
  /// Throws bad_argument unless input and output are above 0, duplicate_name.
  Linear(ParameterSet<T>& params, std::string name, const LinearOptions& options);
  /// x [..., in] -> [..., out].
  Var<T> operator()(const Var<T>& x, Where where = Where::current()) const;
  /// The same for every step of every row.
  Sequence<T> operator()(const Sequence<T>& xs, Where where = Where::current()) const {
    const LabelGuard rows = xs.by_step();
    return xs.with((*this)(xs.packed(), where));
  }

  const std::string& name() const noexcept { return name_; }
  Parameter<T>& weight() const noexcept { return *weight_; }
  /// Null where there is none.
  Parameter<T>* bias() const noexcept { return bias_; }

 private:
  std::string name_;
  Parameter<T>* weight_;
  Parameter<T>* bias_ = nullptr;
};

struct EmbeddingOptions {
  std::int64_t count = 0;  ///< of ids
  std::int64_t width = 0;  ///< of a row
  Init init = normal(0, 1);
};

/// A table of rows chosen by id: "name.weight" [count,width].
template <Scalar T = float>
class Embedding {
 public:
  /// Throws bad_argument unless count and width are above 0, duplicate_name.
  Embedding(ParameterSet<T>& params, std::string name, const EmbeddingOptions& options);
  /// One row for each id: [ids.size(),width]. The tape is named because ids are on none. Throws index_out_of_range.
  Var<T> operator()(Tape<T>& tape, const Ids& ids, Where where = Where::current()) const;
  /// The same for ids laid out in a shape, such as [T,B]: shape followed by width.
  Var<T> operator()(Tape<T>& tape, const Ids& ids, const Shape& shape, Where where = Where::current()) const;
  /// The same for ids of ragged sequences, padded to [T,B] row-major: those beyond a row's end are not looked at.
  /// Throws shape_mismatch for a number of ids that is not T times the number of lengths.
  Sequence<T> sequence(Tape<T>& tape, const Ids& ids, const Ids& lengths, Where where = Where::current()) const;

  const std::string& name() const noexcept { return name_; }
  Parameter<T>& weight() const noexcept { return *weight_; }

 private:
  std::string name_;
  Parameter<T>* weight_;
};

// Each of the following repeats StackOptions: so that all options of a layer are written side by side, in one pair of
// braces.

struct RNNOptions {
  std::int64_t input = 0;   ///< I, width of x
  std::int64_t hidden = 0;  ///< H, units of each layer and direction
  Nonlinearity nonlinearity = Nonlinearity::tanh;
  double leak = 1;  ///< these as in RNNCellOptions
  bool learn_leak = false;
  int layers = 1;
  bool bidirectional = false;  ///< these as in StackOptions
  bool residual = false;
  double dropout = 0;
  bool variational = false;
  double recurrent_dropout = 0;
  double zoneout = 0;
  CellInit init = {};
  bool fused = true;
};

struct LSTMOptions {
  std::int64_t input = 0;       ///< I, width of x
  std::int64_t hidden = 0;      ///< H, units of each layer and direction
  std::int64_t projection = 0;  ///< these as in LSTMCellOptions
  bool peephole = false;
  bool layer_norm = false;
  int layers = 1;
  bool bidirectional = false;  ///< these as in StackOptions
  bool residual = false;
  double dropout = 0;
  bool variational = false;
  double recurrent_dropout = 0;
  double zoneout = 0;
  double zoneout_cell = 0;
  double forget_bias = 0;  ///< see forget_gate_bias()
  CellInit init = {};
  bool fused = true;
};

struct GRUOptions {
  std::int64_t input = 0;   ///< I, width of x
  std::int64_t hidden = 0;  ///< H, units of each layer and direction
  Reset reset = Reset::after;
  int layers = 1;
  bool bidirectional = false;  ///< these as in StackOptions
  bool residual = false;
  double dropout = 0;
  bool variational = false;
  double recurrent_dropout = 0;
  double zoneout = 0;
  CellInit init = {};
  bool fused = true;
};

/// RNNCell over time: "name.weight_ih_l0", "name.weight_hh_l0", "name.bias_ih_l0", "name.bias_hh_l0", then the same
/// with "_l0_reverse" where it is bidirectional, then "_l1", ...
template <Scalar T = float>
class RNN : public Recurrent<T, RNNCell<T>> {
 public:
  /// Throws bad_argument unless input, hidden and layers are above 0 and probabilities are in 0..1,
  /// duplicate_name.
  RNN(ParameterSet<T>& params, std::string name, const RNNOptions& options);
};

/// LSTMCell over time; names as RNN's, "name.weight_hr_l0" and others after the biases where options ask for them. With
/// a projection outputs and state.h are [...,P], state.c is [...,H].
template <Scalar T = float>
class LSTM : public Recurrent<T, LSTMCell<T>> {
 public:
  /// Throws as RNN's, and bad_argument for a projection that is not below hidden.
  LSTM(ParameterSet<T>& params, std::string name, const LSTMOptions& options);
};

/// GRUCell over time; names as RNN's.
template <Scalar T = float>
class GRU : public Recurrent<T, GRUCell<T>> {
 public:
  /// Throws as RNN's.
  GRU(ParameterSet<T>& params, std::string name, const GRUOptions& options);
};

extern template class UNSPOOL_API Linear<float>;
extern template class UNSPOOL_API Linear<double>;
extern template class UNSPOOL_API Linear<Dual<double>>;
extern template class UNSPOOL_API Embedding<float>;
extern template class UNSPOOL_API Embedding<double>;
extern template class UNSPOOL_API Embedding<Dual<double>>;
extern template class UNSPOOL_API Recurrent<float, RNNCell<float>>;
extern template class UNSPOOL_API Recurrent<double, RNNCell<double>>;
extern template class UNSPOOL_API Recurrent<Dual<double>, RNNCell<Dual<double>>>;
extern template class UNSPOOL_API Recurrent<float, LSTMCell<float>>;
extern template class UNSPOOL_API Recurrent<double, LSTMCell<double>>;
extern template class UNSPOOL_API Recurrent<Dual<double>, LSTMCell<Dual<double>>>;
extern template class UNSPOOL_API Recurrent<float, GRUCell<float>>;
extern template class UNSPOOL_API Recurrent<double, GRUCell<double>>;
extern template class UNSPOOL_API Recurrent<Dual<double>, GRUCell<Dual<double>>>;
extern template class UNSPOOL_API RNN<float>;
extern template class UNSPOOL_API RNN<double>;
extern template class UNSPOOL_API RNN<Dual<double>>;
extern template class UNSPOOL_API LSTM<float>;
extern template class UNSPOOL_API LSTM<double>;
extern template class UNSPOOL_API LSTM<Dual<double>>;
extern template class UNSPOOL_API GRU<float>;
extern template class UNSPOOL_API GRU<double>;
extern template class UNSPOOL_API GRU<Dual<double>>;

}  // namespace unspool
