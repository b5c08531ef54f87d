#include "tensor/kernels.hpp"
#include "train/options.hpp"
#include "unspool/optim.hpp"

namespace unspool {

template <RealScalar T>
Adagrad<T>::Adagrad(const ParameterSet<T>& params, const AdagradOptions& options)
    : Optimizer<T>("Adagrad", params, options.lr, 1, options.initial_accumulator_value), options_(options) {
  detail::check_at_least_zero("Adagrad", "lr_decay", options.lr_decay);
  detail::check_at_least_zero("Adagrad", "weight_decay", options.weight_decay);
  detail::check_at_least_zero("Adagrad", "initial_accumulator_value", options.initial_accumulator_value);
  detail::check_at_least_zero("Adagrad", "eps", options.eps);
}

template <RealScalar T>
void Adagrad<T>::update(const detail::Update<T>& u) {
  const kernels::AdagradArgs args{.lr = this->lr(),
                                  .lr_decay = options_.lr_decay,
                                  .weight_decay = options_.weight_decay,
                                  .eps = options_.eps,
                                  .step = u.step};
  kernels::kernel_table<T>().adagrad(u.count, args, u.grad, u.value, u.state[0]);
}

template class Adagrad<float>;
template class Adagrad<double>;

}  // namespace unspool
