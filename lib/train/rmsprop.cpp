#include "tensor/kernels.hpp"
#include "train/options.hpp"
#include "unspool/optim.hpp"

namespace unspool {

// State: the running mean of g^2, and where asked for that of g and the momentum buffer.
template <RealScalar T>
RMSprop<T>::RMSprop(const ParameterSet<T>& params, const RMSpropOptions& options)
    : Optimizer<T>("RMSprop", params, options.lr,
                   options.momentum > 0 ? 3
                   : options.centered   ? 2
                                        : 1),
      options_(options) {
  detail::check_decay("RMSprop", "alpha", options.alpha);
  detail::check_at_least_zero("RMSprop", "eps", options.eps);
  detail::check_at_least_zero("RMSprop", "momentum", options.momentum);
  detail::check_at_least_zero("RMSprop", "weight_decay", options.weight_decay);
}

template <RealScalar T>
void RMSprop<T>::update(const detail::Update<T>& u) {
  const kernels::RmspropArgs args{.lr = this->lr(),
                                  .alpha = options_.alpha,
                                  .eps = options_.eps,
                                  .weight_decay = options_.weight_decay,
                                  .momentum = options_.momentum,
                                  .centered = options_.centered};
  kernels::kernel_table<T>().rmsprop(u.count, args, u.grad, u.value, u.state[0], u.state[1], u.state[2]);
}

template class RMSprop<float>;
template class RMSprop<double>;

}  // namespace unspool
