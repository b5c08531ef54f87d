// The steps of optimizers, in PyTorch's order of operations.
#pragma once

#include <cmath>

#include "tensor/kernels.hpp"

namespace unspool::kernels::reference {

template <class T>
void sgd(int64_t n, const SgdArgs& args, const T* grad, T* param, T* buffer) {
  const T lr(args.lr), momentum(args.momentum), keep(1 - args.dampening), decay(args.weight_decay);
  for (int64_t i = 0; i < n; ++i) {
    T d = grad[i];
    if (args.weight_decay != 0) d = d + decay * param[i];
    if (args.momentum != 0) {
      buffer[i] = args.first_step ? d : buffer[i] * momentum + keep * d;
      d = args.nesterov ? d + momentum * buffer[i] : buffer[i];
    }
    param[i] += -lr * d;
  }
}

template <class T>
void adam(int64_t n, const AdamArgs& args, const T* grad, T* param, T* exp_avg, T* exp_avg_sq) {
  const double step = static_cast<double>(args.step);
  const T step_size(args.lr / (1 - std::pow(args.beta1, step)));
  const T correction(std::sqrt(1 - std::pow(args.beta2, step)));
  const T beta1(args.beta1), beta2(args.beta2), rest1(1 - args.beta1), rest2(1 - args.beta2), eps(args.eps);
  for (int64_t i = 0; i < n; ++i) {
    T g = grad[i];
    if (args.decoupled)
      param[i] *= T(1 - args.lr * args.weight_decay);
    else if (args.weight_decay != 0)
      g = g + T(args.weight_decay) * param[i];
    exp_avg[i] = exp_avg[i] * beta1 + rest1 * g;
    exp_avg_sq[i] = exp_avg_sq[i] * beta2 + rest2 * g * g;
    param[i] += -step_size * exp_avg[i] / (std::sqrt(exp_avg_sq[i]) / correction + eps);
  }
}

template <class T>
void rmsprop(int64_t n, const RmspropArgs& args, const T* grad, T* param, T* square_avg, T* grad_avg, T* buffer) {
  const T lr(args.lr), alpha(args.alpha), rest(1 - args.alpha), eps(args.eps), momentum(args.momentum);
  for (int64_t i = 0; i < n; ++i) {
    T g = grad[i];
    if (args.weight_decay != 0) g = g + T(args.weight_decay) * param[i];
    square_avg[i] = square_avg[i] * alpha + rest * g * g;
    T variance = square_avg[i];
    if (args.centered) {
      grad_avg[i] = grad_avg[i] * alpha + rest * g;
      variance = variance - grad_avg[i] * grad_avg[i];
    }
    const T average = std::sqrt(variance) + eps;
    if (args.momentum > 0) {
      buffer[i] = buffer[i] * momentum + g / average;
      param[i] += -lr * buffer[i];
    } else {
      param[i] += -lr * g / average;
    }
  }
}

template <class T>
void adagrad(int64_t n, const AdagradArgs& args, const T* grad, T* param, T* state_sum) {
  const T rate(args.lr / (1 + static_cast<double>(args.step - 1) * args.lr_decay)), eps(args.eps);
  for (int64_t i = 0; i < n; ++i) {
    T g = grad[i];
    if (args.weight_decay != 0) g = g + T(args.weight_decay) * param[i];
    state_sum[i] += g * g;
    param[i] += -rate * g / (std::sqrt(state_sum[i]) + eps);
  }
}

template <class T>
void optimizers(KernelTable<T>& t) {
  t.sgd = sgd<T>;
  t.adam = adam<T>;
  t.rmsprop = rmsprop<T>;
  t.adagrad = adagrad<T>;
}

}  // namespace unspool::kernels::reference
