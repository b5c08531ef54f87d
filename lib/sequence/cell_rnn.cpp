#include <cmath>

#include "base/check.hpp"
#include "sequence/steps.hpp"
#include "unspool/cells.hpp"
#include "unspool/ops.hpp"

namespace unspool {

namespace {

/// The name, once the options have been checked: before any parameter is made.
std::string checked(std::string name, const RNNCellOptions& options) {
  const double leak = options.leak;
  detail::require(leak > 0 && (leak < 1 || (leak == 1 && !options.learn_leak)), ErrorCode::bad_argument, "RNNCell",
                  "leak must be above 0 and {} 1; given {} for \"{}\"", options.learn_leak ? "below" : "at most", leak,
                  name);
  return name;
}

}  // namespace

template <Scalar T>
RNNCell<T>::RNNCell(ParameterSet<T>& params, std::string name, const RNNCellOptions& options, const std::string& suffix)
    : Cell<T>(params, checked(std::move(name), options), "RNNCell", 1, options.input, options.hidden, options.hidden,
              options.init, suffix),
      nonlinearity_(options.nonlinearity),
      fused_(options.fused),
      leak_(options.leak) {
  if (options.learn_leak)
    learnt_leak_ =
        &params.add(this->parameter_name("leak", suffix), {options.hidden}, constant(std::log(leak_ / (1 - leak_))));
}

template <Scalar T>
Var<T> RNNCell<T>::operator()(const Var<T>& x, const State& h, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(x, "RNNCell"), this->name_);
  return step(this->project(x, where), h, where);
}

template <Scalar T>
Var<T> RNNCell<T>::step(const Var<T>& projected, const State& h, Where where) const {
  return step(projected, h, h, where);
}

template <Scalar T>
Var<T> RNNCell<T>::step(const Var<T>& projected, const State& h, const Var<T>& recurrent, Where where) const {
  const bool rectified = nonlinearity_ == Nonlinearity::relu;
  const detail::CellWeights<T>& w = this->weights_;
  Var<T> next;
  if (fused_) {
    next = rnn_cell(projected, recurrent, *w.weight_hh, *w.bias_hh, rectified, where);
  } else {
    const Var<T> sum = add(projected, linear(recurrent, *w.weight_hh, *w.bias_hh, where), where);
    next = rectified ? relu(sum, where) : tanh(sum, where);
  }
  if (learnt_leak_ != nullptr) {
    const Var<T> leak(detail::record_parameter(*h.tape(), *learnt_leak_->core(), where));
    return add(h, mul(sub(next, h, where), sigmoid(leak, where), where), where);
  }
  return leak_ < 1 ? add(mul_scalar(h, 1 - leak_, where), mul_scalar(next, leak_, where), where) : next;
}

template <Scalar T>
Var<T> RNNCell<T>::run(const Sequence<T>& xs, State& state, bool reverse, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  const Var<T> h0 = detail::sorted_rows(xs, state, where);
  const Handle hs = detail::step_buffer({xs.packed(), *w.weight_ih, *w.bias_ih, h0, *w.weight_hh, *w.bias_hh},
                                        xs.total(), this->hidden_, where);
  const Handle w_hh = detail::leaf(xs, *w.weight_hh, where), b_hh = detail::leaf(xs, *w.bias_hh, where);
  const Handle last = detail::record_steps(
      xs, reverse, hs, detail::rnn_last, where, [&](const Var<T>& x) { return this->project(x, where); },
      [&](const Var<T>& xg, const detail::StepRows& rows, const Handle& before) {
        return detail::rnn_step(xg, hs, before, h0, w_hh, b_hh, rows, nonlinearity_ == Nonlinearity::relu, where);
      });
  const Var<T> ys(detail::steps_done(hs, last, where));
  state = detail::final_rows(xs, reverse, ys, h0, where);
  return ys;
}

template class RNNCell<float>;
template class RNNCell<double>;
template class RNNCell<Dual<double>>;

}  // namespace unspool
