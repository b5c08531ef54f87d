#include "base/check.hpp"
#include "sequence/steps.hpp"
#include "unspool/cells.hpp"
#include "unspool/ops.hpp"

namespace unspool {

template <Scalar T>
LSTMCell<T>::LSTMCell(ParameterSet<T>& params, std::string name, const LSTMCellOptions& options,
                      const std::string& suffix)
    : Cell<T>(params, std::move(name), "LSTMCell", 4, options.input, options.hidden, options.init, suffix),
      fused_(options.fused) {
  if (options.forget_bias != 0) forget_gate_bias(*this->weights_.bias_ih, options.forget_bias);
}

template <Scalar T>
LSTMState<T> LSTMCell<T>::operator()(const Var<T>& x, const State& state, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(x, "LSTMCell"), this->name_);
  return step(this->project(x, where), state, where);
}

template <Scalar T>
LSTMState<T> LSTMCell<T>::step(const Var<T>& projected, const State& state, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  if (fused_) {
    const Var<T> y = lstm_cell(projected, state.h, state.c, *w.weight_hh, *w.bias_hh, where);
    return {select(y, 0, 0, where), select(y, 0, 1, where)};
  }
  const Var<T> gates = add(projected, linear(state.h, *w.weight_hh, *w.bias_hh, where), where);
  const auto gate = [&](std::int64_t k) { return slice(gates, -1, k * this->hidden_, (k + 1) * this->hidden_, where); };
  const Var<T> i = sigmoid(gate(0), where), f = sigmoid(gate(1), where), g = tanh(gate(2), where),
               o = sigmoid(gate(3), where);
  const Var<T> c = add(mul(f, state.c, where), mul(i, g, where), where);
  return {mul(o, tanh(c, where), where), c};
}

template <Scalar T>
Var<T> LSTMCell<T>::run(const Sequence<T>& xs, State& state, bool reverse, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  const Var<T> h0 = detail::sorted_rows(xs, state.h, where), c0 = detail::sorted_rows(xs, state.c, where);
  const auto rows_buffer = [&] {
    return detail::step_buffer({xs.packed(), *w.weight_ih, *w.bias_ih, h0, c0, *w.weight_hh, *w.bias_hh}, xs.total(),
                               this->hidden_, where);
  };
  const Handle hs = rows_buffer(), cs = rows_buffer();
  const Handle last = detail::record_steps(
      xs, reverse, hs, where, [&](const Var<T>& x) { return this->project(x, where); },
      [&](const Var<T>& xg, const detail::StepRows& rows, const Handle& before) {
        return detail::lstm_step(xg, hs, cs, before, h0, c0, *w.weight_hh, *w.bias_hh, rows, where);
      });
  const Var<T> ys(detail::steps_done(hs, last, where));
  const Var<T> all_cs(detail::steps_done(cs, last, where));
  state = {detail::final_rows(xs, reverse, ys, h0, where), detail::final_rows(xs, reverse, all_cs, c0, where)};
  return ys;
}

template <Scalar T>
void forget_gate_bias(Parameter<T>& bias, double value) {
  const Shape& shape = bias.shape();
  detail::require(shape.rank() == 1 && shape.size() % 4 == 0, ErrorCode::bad_shape, "forget_gate_bias",
                  "the bias must be [4H], gates i, f, g, o; \"{}\" is {}", bias.name(), shape.to_string());
  const auto hidden = static_cast<std::size_t>(shape.size() / 4);
  for (T& b : bias.mutable_values().subspan(hidden, hidden)) b += static_cast<T>(value);
}

template class LSTMCell<float>;
template class LSTMCell<double>;
template void forget_gate_bias(Parameter<float>&, double);
template void forget_gate_bias(Parameter<double>&, double);

}  // namespace unspool
