#include "sequence/steps.hpp"
#include "unspool/cells.hpp"
#include "unspool/ops.hpp"

namespace unspool {

template <Scalar T>
RNNCell<T>::RNNCell(ParameterSet<T>& params, std::string name, const RNNCellOptions& options, const std::string& suffix)
    : Cell<T>(params, std::move(name), "RNNCell", 1, options.input, options.hidden, options.init, suffix),
      nonlinearity_(options.nonlinearity),
      fused_(options.fused) {}

template <Scalar T>
Var<T> RNNCell<T>::operator()(const Var<T>& x, const State& h, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(x, "RNNCell"), this->name_);
  return step(this->project(x, where), h, where);
}

template <Scalar T>
Var<T> RNNCell<T>::step(const Var<T>& projected, const State& h, Where where) const {
  const bool rectified = nonlinearity_ == Nonlinearity::relu;
  const detail::CellWeights<T>& w = this->weights_;
  if (fused_) return rnn_cell(projected, h, *w.weight_hh, *w.bias_hh, rectified, where);
  const Var<T> sum = add(projected, linear(h, *w.weight_hh, *w.bias_hh, where), where);
  return rectified ? relu(sum, where) : tanh(sum, where);
}

template <Scalar T>
Var<T> RNNCell<T>::run(const Sequence<T>& xs, State& state, bool reverse, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  const Var<T> h0 = detail::sorted_rows(xs, state, where);
  const Handle hs = detail::step_buffer({xs.packed(), *w.weight_ih, *w.bias_ih, h0, *w.weight_hh, *w.bias_hh},
                                        xs.total(), this->hidden_, where);
  const Handle last = detail::record_steps(
      xs, reverse, hs, where, [&](const Var<T>& x) { return this->project(x, where); },
      [&](const Var<T>& xg, const detail::StepRows& rows, const Handle& before) {
        return detail::rnn_step(xg, hs, before, h0, *w.weight_hh, *w.bias_hh, rows, nonlinearity_ == Nonlinearity::relu,
                                where);
      });
  const Var<T> ys(detail::steps_done(hs, last, where));
  state = detail::final_rows(xs, reverse, ys, h0, where);
  return ys;
}

template class RNNCell<float>;
template class RNNCell<double>;

}  // namespace unspool
