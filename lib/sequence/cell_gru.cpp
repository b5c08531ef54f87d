#include "sequence/steps.hpp"
#include "unspool/cells.hpp"
#include "unspool/ops.hpp"

namespace unspool {

template <Scalar T>
GRUCell<T>::GRUCell(ParameterSet<T>& params, std::string name, const GRUCellOptions& options, const std::string& suffix)
    : Cell<T>(params, std::move(name), "GRUCell", 3, options.input, options.hidden, options.hidden, options.init,
              suffix),
      fused_(options.fused),
      reset_(options.reset) {}

template <Scalar T>
Var<T> GRUCell<T>::operator()(const Var<T>& x, const State& h, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(x, "GRUCell"), this->name_);
  return step(this->project(x, where), h, where);
}

template <Scalar T>
Var<T> GRUCell<T>::step(const Var<T>& projected, const State& h, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  if (runs()) return gru_cell(projected, h, *w.weight_hh, *w.bias_hh, where);
  return step(projected, h, h, where);
}

template <Scalar T>
Var<T> GRUCell<T>::step(const Var<T>& projected, const State& h, const Var<T>& recurrent, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  const Var<T> product = linear(recurrent, *w.weight_hh, *w.bias_hh, where);
  const std::int64_t H = this->hidden_;
  const auto block = [&](const Var<T>& gates, std::int64_t k) { return slice(gates, -1, k * H, (k + 1) * H, where); };
  const Var<T> r = sigmoid(add(block(projected, 0), block(product, 0), where), where);
  const Var<T> z = sigmoid(add(block(projected, 1), block(product, 1), where), where);
  // Reset before, the candidate's product is one with all of W_hh, whose other two blocks go unused: a part of W_hh would
  // be an op between the product and the parameter, and the sum over steps no longer one product.
  const Var<T> candidate = reset_ == Reset::after
                               ? mul(r, block(product, 2), where)
                               : block(linear(mul(r, recurrent, where), *w.weight_hh, *w.bias_hh, where), 2);
  const Var<T> n = tanh(add(block(projected, 2), candidate, where), where);
  return add(mul(rsub_scalar(z, 1, where), n, where), mul(z, h, where), where);
}

template <Scalar T>
Var<T> GRUCell<T>::run(const Sequence<T>& xs, State& state, bool reverse, Where where) const {
  const detail::CellWeights<T>& w = this->weights_;
  const Var<T> h0 = detail::sorted_rows(xs, state, where);
  const auto rows_buffer = [&] {
    return detail::step_buffer({xs.packed(), *w.weight_ih, *w.bias_ih, h0, *w.weight_hh, *w.bias_hh}, xs.total(),
                               this->hidden_, where);
  };
  const Handle hs = rows_buffer(), ns = rows_buffer();
  const Handle w_hh = detail::leaf(xs, *w.weight_hh, where), b_hh = detail::leaf(xs, *w.bias_hh, where);
  const Handle last = detail::record_steps(
      xs, reverse, hs, detail::gru_last, where, [&](const Var<T>& x) { return this->project(x, where); },
      [&](const Var<T>& xg, const detail::StepRows& rows, const Handle& before) {
        return detail::gru_step(xg, hs, ns, before, h0, w_hh, b_hh, rows, where);
      });
  const Var<T> ys(detail::steps_done(hs, last, where));
  state = detail::final_rows(xs, reverse, ys, h0, where);
  return ys;
}

template class GRUCell<float>;
template class GRUCell<double>;
template class GRUCell<Dual<double>>;

}  // namespace unspool
