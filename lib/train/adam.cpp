// Adam and AdamW: one formula, and two places for the weight decay.
#include "tensor/kernels.hpp"
#include "train/options.hpp"
#include "unspool/optim.hpp"

namespace unspool {
namespace {

constexpr int means = 2;  // state: the running means of g and g^2

template <class Options>
void check(const char* name, const Options& options) {
  detail::check_decay(name, "beta1", options.beta1);
  detail::check_decay(name, "beta2", options.beta2);
  detail::check_at_least_zero(name, "eps", options.eps);
  detail::check_at_least_zero(name, "weight_decay", options.weight_decay);
}

template <class T, class Options>
void adam(const detail::Update<T>& u, const Options& options, double lr, bool decoupled) {
  const kernels::AdamArgs args{.lr = lr,
                               .beta1 = options.beta1,
                               .beta2 = options.beta2,
                               .eps = options.eps,
                               .weight_decay = options.weight_decay,
                               .step = u.step,
                               .decoupled = decoupled};
  kernels::kernel_table<T>().adam(u.count, args, u.grad, u.value, u.state[0], u.state[1]);
}

}  // namespace

template <RealScalar T>
Adam<T>::Adam(const ParameterSet<T>& params, const AdamOptions& options)
    : Optimizer<T>("Adam", params, options.lr, means), options_(options) {
  check("Adam", options);
}

template <RealScalar T>
void Adam<T>::update(const detail::Update<T>& u) {
  adam(u, options_, this->lr(), false);
}

template <RealScalar T>
AdamW<T>::AdamW(const ParameterSet<T>& params, const AdamWOptions& options)
    : Optimizer<T>("AdamW", params, options.lr, means), options_(options) {
  check("AdamW", options);
}

template <RealScalar T>
void AdamW<T>::update(const detail::Update<T>& u) {
  adam(u, options_, this->lr(), true);
}

template class Adam<float>;
template class Adam<double>;
template class AdamW<float>;
template class AdamW<double>;

}  // namespace unspool
