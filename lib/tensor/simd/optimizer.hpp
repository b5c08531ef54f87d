// Parameter updates: PyTorch 1.13's formulas (torch/optim/*.py, the single-tensor forms) in its order of operations,
// each product and sum rounded on its own. Scalars are formed in double and rounded to T once.
#pragma once

#include "tensor/simd/elementwise.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

template <class A, class T>
void sgd(int64_t n, const SgdArgs& args, const T* grad, T* param, T* buffer) {
  const Batch<A, T> minus_lr(T(-args.lr)), momentum(T(args.momentum)), keep(T(1 - args.dampening));
  const Batch<A, T> decay(T(args.weight_decay));
  const bool decays = args.weight_decay != 0, remembers = args.momentum != 0, first = args.first_step;
  const bool nesterov = args.nesterov;
  for_each<A, T>(
      n, [=](int64_t i, auto at) __attribute__((always_inline)) {
        const Batch<A, T> p = at.load(param + i);
        Batch<A, T> d = at.load(grad + i);
        if (decays) d = d + decay * p;
        if (remembers) {
          const Batch<A, T> b = first ? d : at.load(buffer + i) * momentum + keep * d;
          at.store(buffer + i, b);
          d = nesterov ? d + momentum * b : b;
        }
        at.store(param + i, p + minus_lr * d);
      });
}

template <class A, class T>
void adam(int64_t n, const AdamArgs& args, const T* grad, T* param, T* exp_avg, T* exp_avg_sq) {
  const double step = static_cast<double>(args.step);
  const Batch<A, T> minus_step(T(-(args.lr / (1 - __builtin_pow(args.beta1, step)))));
  const Batch<A, T> correction(T(__builtin_sqrt(1 - __builtin_pow(args.beta2, step)))), eps(T(args.eps));
  const Batch<A, T> beta1(T(args.beta1)), beta2(T(args.beta2));
  const Batch<A, T> rest1(T(1 - args.beta1)), rest2(T(1 - args.beta2));
  const Batch<A, T> decay(T(args.weight_decay)), shrink(T(1 - args.lr * args.weight_decay));
  const bool decoupled = args.decoupled, decays = args.weight_decay != 0;
  for_each<A, T>(
      n, [=](int64_t i, auto at) __attribute__((always_inline)) {
        Batch<A, T> p = at.load(param + i), g = at.load(grad + i);
        if (decoupled)
          p = p * shrink;
        else if (decays)
          g = g + decay * p;
        const Batch<A, T> m = at.load(exp_avg + i) * beta1 + rest1 * g;
        const Batch<A, T> v = at.load(exp_avg_sq + i) * beta2 + rest2 * g * g;
        at.store(exp_avg + i, m);
        at.store(exp_avg_sq + i, v);
        at.store(param + i, p + minus_step * m / (xsimd::sqrt(v) / correction + eps));
      });
}

template <class A, class T>
void rmsprop(int64_t n, const RmspropArgs& args, const T* grad, T* param, T* square_avg, T* grad_avg, T* buffer) {
  const Batch<A, T> minus_lr(T(-args.lr)), alpha(T(args.alpha)), rest(T(1 - args.alpha)), eps(T(args.eps));
  const Batch<A, T> momentum(T(args.momentum)), decay(T(args.weight_decay));
  const bool decays = args.weight_decay != 0, centered = args.centered, remembers = args.momentum > 0;
  for_each<A, T>(
      n, [=](int64_t i, auto at) __attribute__((always_inline)) {
        const Batch<A, T> p = at.load(param + i);
        Batch<A, T> g = at.load(grad + i);
        if (decays) g = g + decay * p;
        Batch<A, T> variance = at.load(square_avg + i) * alpha + rest * g * g;
        at.store(square_avg + i, variance);
        if (centered) {
          const Batch<A, T> mean = at.load(grad_avg + i) * alpha + rest * g;
          at.store(grad_avg + i, mean);
          variance = variance - mean * mean;
        }
        const Batch<A, T> average = xsimd::sqrt(variance) + eps;
        if (remembers) {
          const Batch<A, T> b = at.load(buffer + i) * momentum + g / average;
          at.store(buffer + i, b);
          at.store(param + i, p + minus_lr * b);
        } else {
          at.store(param + i, p + minus_lr * g / average);
        }
      });
}

template <class A, class T>
void adagrad(int64_t n, const AdagradArgs& args, const T* grad, T* param, T* state_sum) {
  const Batch<A, T> minus_rate(T(-(args.lr / (1 + static_cast<double>(args.step - 1) * args.lr_decay))));
  const Batch<A, T> eps(T(args.eps)), decay(T(args.weight_decay));
  const bool decays = args.weight_decay != 0;
  for_each<A, T>(
      n, [=](int64_t i, auto at) __attribute__((always_inline)) {
        const Batch<A, T> p = at.load(param + i);
        Batch<A, T> g = at.load(grad + i);
        if (decays) g = g + decay * p;
        const Batch<A, T> s = at.load(state_sum + i) + g * g;
        at.store(state_sum + i, s);
        at.store(param + i, p + minus_rate * g / (xsimd::sqrt(s) + eps));
      });
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
