#include <cmath>

#include "base/check.hpp"
#include "sequence/steps.hpp"
#include "unspool/cells.hpp"
#include "unspool/ops.hpp"

namespace unspool {
namespace {

/// The width of h. Checked before any parameter is made.
std::int64_t output_of(const LSTMCellOptions& options, const std::string& name) {
  const std::int64_t H = options.hidden, P = options.projection;
  detail::require(P == 0 || (P > 0 && P < H), ErrorCode::bad_argument, "LSTMCell",
                  "projection must be 0, for none, or below hidden; given {} of {} for \"{}\"", P, H, name);
  return P == 0 ? H : P;
}

}  // namespace

template <Scalar T>
LSTMCell<T>::LSTMCell(ParameterSet<T>& params, std::string name, const LSTMCellOptions& options,
                      const std::string& suffix)
    : Cell<T>(params, name, "LSTMCell", 4, options.input, options.hidden, output_of(options, name), options.init,
              suffix),
      fused_(options.fused && options.projection == 0 && !options.peephole && !options.layer_norm) {
  const std::int64_t H = options.hidden, P = options.projection;
  const auto add = [&](const char* what, const Shape& shape, const Init& init) {
    return &params.add(this->parameter_name(what, suffix), shape, init);
  };
  const double bound = 1 / std::sqrt(static_cast<double>(H));
  if (P > 0) weight_hr_ = add("weight_hr", {P, H}, uniform(-bound, bound));
  if (options.peephole) weight_peephole_ = add("weight_peephole", {3 * H}, uniform(-bound, bound));
  if (options.layer_norm) {
    norm_ih_ = {add("norm_ih_weight", {4 * H}, ones()), add("norm_ih_bias", {4 * H}, zeros())};
    norm_hh_ = {add("norm_hh_weight", {4 * H}, ones()), add("norm_hh_bias", {4 * H}, zeros())};
    norm_c_ = {add("norm_c_weight", {H}, ones()), add("norm_c_bias", {H}, zeros())};
  }
  if (options.forget_bias != 0 && this->fresh_) forget_gate_bias(*this->weights_.bias_ih, options.forget_bias);
}

template <Scalar T>
Var<T> LSTMCell<T>::normalized(const Var<T>& x, const detail::NormWeights<T>& norm, Where where) const {
  return normalizes() ? layer_norm(x, *norm.weight, *norm.bias, 1e-5, where) : x;
}

template <Scalar T>
Var<T> LSTMCell<T>::project(const Operand<T>& x, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  if (!normalizes()) return Cell<T>::project(x, where);
  return add(normalized(linear(x, *w.weight_ih, where), norm_ih_, where), *w.bias_ih, where);
}

template <Scalar T>
LSTMState<T> LSTMCell<T>::operator()(const Var<T>& x, const State& state, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(x, "LSTMCell"), this->name_);
  return step(project(x, where), state, where);
}

template <Scalar T>
LSTMState<T> LSTMCell<T>::step(const Var<T>& projected, const State& state, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  if (fused_) {
    const Var<T> y = lstm_cell(projected, state.h, state.c, *w.weight_hh, *w.bias_hh, where);
    return {select(y, 0, 0, where), select(y, 0, 1, where)};
  }
  const Var<T> product = normalizes()
                             ? add(normalized(linear(state.h, *w.weight_hh, where), norm_hh_, where), *w.bias_hh, where)
                             : linear(state.h, *w.weight_hh, *w.bias_hh, where);
  const Var<T> sums = add(projected, product, where);
  const std::int64_t H = this->hidden_;
  const auto block = [&](const Var<T>& of, std::int64_t k) { return slice(of, -1, k * H, (k + 1) * H, where); };
  Var<T> peepholes;
  if (weight_peephole_ != nullptr)
    peepholes = Var<T>(detail::record_parameter(*projected.tape(), *weight_peephole_->core(), where));
  const auto gate = [&](std::int64_t k, std::int64_t peephole, const Var<T>& c) {
    const Var<T> sum = block(sums, k);
    return sigmoid(peepholes.empty() ? sum : add(sum, mul(c, block(peepholes, peephole), where), where), where);
  };
  const Var<T> i = gate(0, 0, state.c), f = gate(1, 2, state.c), g = tanh(block(sums, 2), where);
  const Var<T> c = add(mul(f, state.c, where), mul(i, g, where), where);
  const Var<T> m = mul(gate(3, 1, c), tanh(normalized(c, norm_c_, where), where), where);
  return {weight_hr_ == nullptr ? m : linear(m, *weight_hr_, where), c};
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
  const Handle w_hh = detail::leaf(xs, *w.weight_hh, where), b_hh = detail::leaf(xs, *w.bias_hh, where);
  const Handle last = detail::record_steps(
      xs, reverse, hs, detail::lstm_last, where, [&](const Var<T>& x) { return this->project(x, where); },
      [&](const Var<T>& xg, const detail::StepRows& rows, const Handle& before) {
        return detail::lstm_step(xg, hs, cs, before, h0, c0, w_hh, b_hh, rows, where);
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
template class LSTMCell<Dual<double>>;
template void forget_gate_bias(Parameter<float>&, double);
template void forget_gate_bias(Parameter<double>&, double);
template void forget_gate_bias(Parameter<Dual<double>>&, double);

}  // namespace unspool
