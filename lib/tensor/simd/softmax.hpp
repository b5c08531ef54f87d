// Softmax over rows, its logarithm, their gradients, and the pieces a fused cross-entropy is made of.
#pragma once

#include "tensor/simd/elementwise.hpp"
#include "tensor/simd/reduce.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

/// Sum over a row of value(i, access), one running vector: exp hides the latency of the additions.
template <class A, class T, class F>
UNSPOOL_INLINE T row_sum(int64_t cols, F value) {
  Batch<A, T> sum(T(0));
  for_each<A, T>(
      cols, [&](int64_t c, auto at) __attribute__((always_inline)) { sum = sum + at.keep(value(c, at)); });
  return sum_lanes<A>(sum);
}

template <class A, class T>
UNSPOOL_INLINE T log_of(T x) {
  T lane[lanes<A, T>];
  store_all<A>(lane, vlog<A, T>(Batch<A, T>(x)));
  return lane[0];
}

template <class A, class T>
UNSPOOL_INLINE T sum_exp_shifted(int64_t cols, const T* x, T shift) {
  return row_sum<A, T>(
      cols, [=](int64_t c, auto at)
                __attribute__((always_inline)) { return vexp<A, T>(at.load(x + c) - Batch<A, T>(shift)); });
}

template <class A, class T>
void softmax(int64_t rows, int64_t cols, const T* x, T* y) {
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const Batch<A, T> shift(max<A, T>(cols, x));
    const Batch<A, T> sum(row_sum<A, T>(
        cols, [=](int64_t c, auto at) __attribute__((always_inline)) {
          const Batch<A, T> e = vexp<A, T>(at.load(x + c) - shift);
          at.store(y + c, e);
          return e;
        }));
    for_each<A, T>(
        cols, [=](int64_t c, auto at) __attribute__((always_inline)) { at.store(y + c, at.load(y + c) / sum); });
  }
}

template <class A, class T>
void log_softmax(int64_t rows, int64_t cols, const T* x, T* y) {
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const T most = max<A, T>(cols, x);
    // Two subtractions, not one of (max + log sum): that sum would round away the logarithm's low bits.
    const Batch<A, T> shift(most), log_sum(log_of<A, T>(sum_exp_shifted<A, T>(cols, x, most)));
    for_each<A, T>(
        cols, [=](int64_t c, auto at)
                  __attribute__((always_inline)) { at.store(y + c, (at.load(x + c) - shift) - log_sum); });
  }
}

template <class A, class T>
void softmax_grad(int64_t rows, int64_t cols, const T* dy, const T* y, T* dx, bool accumulate) {
  for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
    const Batch<A, T> dot(row_sum<A, T>(
        cols, [=](int64_t c, auto at) __attribute__((always_inline)) { return at.load(dy + c) * at.load(y + c); }));
    assign_or_add<A, T>(
        cols, dx, accumulate, [=](int64_t c, auto at) __attribute__((always_inline)) {
          return at.load(y + c) * (at.load(dy + c) - dot);
        });
  }
}

template <class A, class T>
void log_softmax_grad(int64_t rows, int64_t cols, const T* dy, const T* y, T* dx, bool accumulate) {
  for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
    const Batch<A, T> sum(row_sum<A, T>(
        cols, [=](int64_t c, auto at) __attribute__((always_inline)) { return at.load(dy + c); }));
    assign_or_add<A, T>(
        cols, dx, accumulate, [=](int64_t c, auto at) __attribute__((always_inline)) {
          return at.load(dy + c) - vexp<A, T>(at.load(y + c)) * sum;
        });
  }
}

template <class A, class T>
void row_max(int64_t rows, int64_t cols, const T* x, T* most) {
  for (int64_t r = 0; r < rows; ++r) most[r] = max<A, T>(cols, x + r * cols);
}

template <class A, class T>
void row_logsumexp(int64_t rows, int64_t cols, const T* x, T* lse) {
  for (int64_t r = 0; r < rows; ++r, x += cols) {
    const T most = max<A, T>(cols, x);
    // An infinite or NaN maximum is the answer; shifting by it would turn infinity into NaN.
    lse[r] = most - most == 0 ? most + log_of<A, T>(sum_exp_shifted<A, T>(cols, x, most)) : most;
  }
}

template <class A, class T>
void row_exp_shifted(int64_t rows, int64_t cols, const T* x, const T* shift, T* p) {
  for (int64_t r = 0; r < rows; ++r, x += cols, p += cols) {
    const Batch<A, T> by(shift[r]);
    for_each<A, T>(
        cols, [=](int64_t c, auto at)
                  __attribute__((always_inline)) { at.store(p + c, vexp<A, T>(at.load(x + c) - by)); });
  }
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
