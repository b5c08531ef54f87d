// RNN, LSTM and GRU over whole sequences: one loop over layers and steps for the three cells.
#include <fmt/core.h>

#include "base/check.hpp"
#include "sequence/labels.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

namespace unspool {
namespace {

// A cell's state is one Var or an LSTMState; what the loop needs of either.
template <class T>
const Var<T>& output_of(const Var<T>& h) {
  return h;
}
template <class T>
const Var<T>& output_of(const LSTMState<T>& state) {
  return state.h;
}

template <class T>
Var<T> layer_of(const Var<T>& all, std::int64_t k, Where where) {
  return select(all, 0, k, where);
}
template <class T>
LSTMState<T> layer_of(const LSTMState<T>& all, std::int64_t k, Where where) {
  return {layer_of(all.h, k, where), layer_of(all.c, k, where)};
}

template <class T>
Var<T> stack_layers(const std::vector<Var<T>>& layers, Where where) {
  return stack(layers, 0, where);
}
template <class T>
LSTMState<T> stack_layers(const std::vector<LSTMState<T>>& layers, Where where) {
  thread_local std::vector<Var<T>> h, c;
  h.clear(), c.clear();
  for (const LSTMState<T>& state : layers) h.push_back(state.h), c.push_back(state.c);
  return {stack(h, 0, where), stack(c, 0, where)};
}

template <class T>
void check_state(const Var<T>& state, const char* name, const Shape& wanted) {
  detail::require(state.shape() == wanted, ErrorCode::shape_mismatch, name, "the initial state must be {}; given {}",
                  wanted, state.shape());
}
template <class T>
void check_state(const LSTMState<T>& state, const char* name, const Shape& wanted) {
  check_state(state.h, name, wanted);
  check_state(state.c, name, wanted);
}

template <class T>
void set_zero(Var<T>& state, detail::TapeCore& tape, const Shape& shape, Where where) {
  state = Var<T>(detail::record_constant(tape, shape, 0, where));
}
template <class T>
void set_zero(LSTMState<T>& state, detail::TapeCore& tape, const Shape& shape, Where where) {
  set_zero(state.h, tape, shape, where);
  state.c = state.h;
}

template <class T>
void check_sequence(const Var<T>& x, const char* name, std::int64_t input) {
  const Shape shape = x.shape();
  detail::require(shape.rank() == 3 && shape[2] == input, ErrorCode::shape_mismatch, name,
                  "x must be [T,B,{}], time first; given {}", input, shape);
  detail::require(shape[0] > 0, ErrorCode::empty_sequence, name, "needs at least one step; given {}", shape);
}

}  // namespace

template <Scalar T, class CellType>
template <class LayerOptions, class CellOptions>
Recurrent<T, CellType>::Recurrent(ParameterSet<T>& params, std::string name, const char* op,
                                  const LayerOptions& options, CellOptions cell)
    : name_(std::move(name)), op_(op), dropout_(options.dropout) {
  detail::require(options.layers > 0, ErrorCode::bad_argument, op, "layers must be above 0; given {}", options.layers);
  detail::require(dropout_ >= 0 && dropout_ <= 1, ErrorCode::bad_argument, op, "dropout must be in 0..1; given {}",
                  dropout_);
  cell.hidden = options.hidden;
  cell.init = options.init;
  cell.fused = options.fused;
  cells_.reserve(static_cast<std::size_t>(options.layers));
  for (int k = 0; k < options.layers; ++k) {
    cell.input = k == 0 ? options.input : options.hidden;
    cells_.emplace_back(params, name_, cell, fmt::format("_l{}", k));
    scopes_.push_back(fmt::format("l{}", k));
  }
}

template <Scalar T, class CellType>
auto Recurrent<T, CellType>::run(const Var<T>& x, const State* initial, Where where) const -> SequenceOutput<T, State> {
  detail::TapeCore& tape = detail::tape_of(x, op_);
  const LabelGuard scope = detail::enter_scope(tape, name_);
  const std::int64_t input = cells_.front().input(), hidden = cells_.front().hidden();
  check_sequence(x, op_, input);
  const std::int64_t steps = x.shape()[0], batch = x.shape()[1], layers = static_cast<std::int64_t>(cells_.size());
  if (initial != nullptr) check_state(*initial, op_, {layers, batch, hidden});

  // Kept from call to call, so that a warm training step allocates nothing.
  thread_local std::vector<Var<T>> outputs;
  thread_local std::vector<State> finals;
  finals.clear();
  Var<T> ys = x;
  for (std::int64_t k = 0; k < layers; ++k) {
    const auto at = static_cast<std::size_t>(k);
    const LabelGuard layer = detail::enter_scope(tape, scopes_[at]);
    State state;
    if (initial != nullptr)
      state = layer_of(*initial, k, where);
    else
      set_zero(state, tape, {batch, hidden}, where);
    if (k > 0 && training_ && dropout_ > 0) ys = dropout(ys, dropout_, where);
    const Var<T> projected = cells_[at].project(ys, where);
    outputs.clear();
    for (std::int64_t t = 0; t < steps; ++t) {
      const LabelGuard step = detail::enter_step(tape, t);
      state = cells_[at].step(select(projected, 0, t, where), state, where);
      outputs.push_back(output_of(state));
    }
    ys = stack(outputs, 0, where);
    finals.push_back(state);
  }
  return {ys, stack_layers(finals, where)};
}

template <Scalar T>
RNN<T>::RNN(ParameterSet<T>& params, std::string name, const RNNOptions& options)
    : Recurrent<T, RNNCell<T>>(params, std::move(name), "RNN", options,
                               RNNCellOptions{.nonlinearity = options.nonlinearity}) {}

template <Scalar T>
LSTM<T>::LSTM(ParameterSet<T>& params, std::string name, const LSTMOptions& options)
    : Recurrent<T, LSTMCell<T>>(params, std::move(name), "LSTM", options,
                                LSTMCellOptions{.forget_bias = options.forget_bias}) {}

template <Scalar T>
GRU<T>::GRU(ParameterSet<T>& params, std::string name, const GRUOptions& options)
    : Recurrent<T, GRUCell<T>>(params, std::move(name), "GRU", options, GRUCellOptions{}) {}

template class Recurrent<float, RNNCell<float>>;
template class Recurrent<double, RNNCell<double>>;
template class Recurrent<float, LSTMCell<float>>;
template class Recurrent<double, LSTMCell<double>>;
template class Recurrent<float, GRUCell<float>>;
template class Recurrent<double, GRUCell<double>>;
template class RNN<float>;
template class RNN<double>;
template class LSTM<float>;
template class LSTM<double>;
template class GRU<float>;
template class GRU<double>;

}  // namespace unspool
