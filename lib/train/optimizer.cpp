// What the optimisers share: their parameters, the state beside them, and the loop over both.
#include <cmath>
#include <cstring>

#include "base/check.hpp"
#include "tape/parameter_core.hpp"
#include "unspool/optim.hpp"

namespace unspool {
namespace {

void check_lr(const char* name, double lr) {
  detail::require(std::isfinite(lr) && lr >= 0, ErrorCode::bad_argument, name,
                  "lr must be finite and at least 0; given {}", lr);
}

// A parameter without gradient still says so afterwards: its next contribution assigns.
template <class T>
const T* gradient_or_zeros(detail::ParameterCore& p) {
  if (p.grad_is_zero) std::memset(p.grad.data(), 0, static_cast<std::size_t>(p.bytes()));
  return reinterpret_cast<const T*>(p.grad.data());
}

}  // namespace

template <RealScalar T>
Optimizer<T>::Optimizer(const char* name, const ParameterSet<T>& params, double lr, int buffers, double fill)
    : name_(name), lr_(lr) {
  check_lr(name, lr);
  slots_.reserve(params.size());
  for (const Parameter<T>& p : params) {
    Slot slot;
    slot.parameter = p.core();
    for (int i = 0; i < buffers; ++i) slot.state[i].assign(static_cast<std::size_t>(p.size()), static_cast<T>(fill));
    slots_.push_back(std::move(slot));
  }
}

template <RealScalar T>
void Optimizer<T>::set_lr(double lr) {
  check_lr(name_, lr);
  lr_ = lr;
}

template <RealScalar T>
void Optimizer<T>::step() {
  for (Slot& slot : slots_) {
    detail::ParameterCore& p = *slot.parameter;
    if (!p.trainable) continue;
    T* state[max_buffers];
    for (int i = 0; i < max_buffers; ++i) state[i] = slot.state[i].data();
    const T* grad = gradient_or_zeros<T>(p);
    update({p.shape.size(), ++slot.step, grad, static_cast<T*>(detail::parameter_value(p)), state});
  }
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace unspool
