#include "tensor/kernels.hpp"
#include "train/options.hpp"
#include "unspool/optim.hpp"

namespace unspool {

template <RealScalar T>
SGD<T>::SGD(const ParameterSet<T>& params, const SGDOptions& options)
    : Optimizer<T>("SGD", params, options.lr, options.momentum != 0 ? 1 : 0), options_(options) {
  detail::check_at_least_zero("SGD", "momentum", options.momentum);
  detail::check_at_least_zero("SGD", "weight_decay", options.weight_decay);
  detail::require(std::isfinite(options.dampening), ErrorCode::bad_argument, "SGD",
                  "dampening must be finite; given {}", options.dampening);
  detail::require(!options.nesterov || (options.momentum > 0 && options.dampening == 0), ErrorCode::bad_argument, "SGD",
                  "nesterov needs momentum > 0 and dampening 0; given {} and {}", options.momentum, options.dampening);
}

template <RealScalar T>
void SGD<T>::update(const detail::Update<T>& u) {
  const kernels::SgdArgs args{.lr = this->lr(),
                              .momentum = options_.momentum,
                              .dampening = options_.dampening,
                              .weight_decay = options_.weight_decay,
                              .nesterov = options_.nesterov,
                              .first_step = u.step == 1};
  kernels::kernel_table<T>().sgd(u.count, args, u.grad, u.value, u.state[0]);
}

template class SGD<float>;
template class SGD<double>;

}  // namespace unspool
