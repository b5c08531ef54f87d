// Maps over arrays: y[i] = f(x[i]) and the gradients of the same.
#pragma once

#include "tensor/simd/vmath.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

/// Functors carry their arithmetic as a template on the batch, so the tables below read as a list of formulas.
template <class A, class T, class F>
void unary(int64_t n, const T* x, T* y) {
  for_each<A, T>(
      n, [=](int64_t i, auto at)
             __attribute__((always_inline)) { at.store(y + i, F::template apply<A, T>(at.load(x + i))); });
}

template <class A, class T, class F>
void binary(int64_t n, const T* a, const T* b, T* y) {
  for_each<A, T>(
      n, [=](int64_t i, auto at) __attribute__((always_inline)) {
        at.store(y + i, F::template apply<A, T>(at.load(a + i), at.load(b + i)));
      });
}

/// dx (=|+=) value(i); the branch is outside the loop.
template <class A, class T, class F>
UNSPOOL_INLINE void assign_or_add(int64_t n, T* dx, bool accumulate, F value) {
  if (accumulate)
    for_each<A, T>(
        n, [=](int64_t i, auto at)
               __attribute__((always_inline)) { at.store(dx + i, at.load(dx + i) + value(i, at)); });
  else
    for_each<A, T>(
        n, [=](int64_t i, auto at) __attribute__((always_inline)) { at.store(dx + i, value(i, at)); });
}

template <class A, class T, class F>
void unary_grad(int64_t n, const T* dy, const T* kept, T* dx, bool accumulate) {
  assign_or_add<A, T>(
      n, dx, accumulate, [=](int64_t i, auto at) __attribute__((always_inline)) {
        return F::template apply<A, T>(at.load(dy + i), at.load(kept + i));
      });
}

#define UNSPOOL_UNARY(name, expression)                      \
  struct name {                                              \
    template <class A, class T>                              \
    static UNSPOOL_INLINE Batch<A, T> apply(Batch<A, T> x) { \
      return expression;                                     \
    }                                                        \
  };
#define UNSPOOL_BINARY(name, first, second, expression)                              \
  struct name {                                                                      \
    template <class A, class T>                                                      \
    static UNSPOOL_INLINE Batch<A, T> apply(Batch<A, T> first, Batch<A, T> second) { \
      return expression;                                                             \
    }                                                                                \
  };

namespace map {
UNSPOOL_UNARY(Exp, (vexp<A, T>(x)))
UNSPOOL_UNARY(Expm1, (vexpm1<A, T>(x)))
UNSPOOL_UNARY(Log, (vlog<A, T>(x)))
UNSPOOL_UNARY(Log1p, (vlog1p<A, T>(x)))
UNSPOOL_UNARY(Tanh, (vtanh<A, T>(x)))
UNSPOOL_UNARY(Sigmoid, (vsigmoid<A, T>(x)))
UNSPOOL_UNARY(Softplus, (vsoftplus<A, T>(x)))
UNSPOOL_UNARY(Relu, (at_least<A>(T(0), x)))
UNSPOOL_UNARY(Square, x* x)
UNSPOOL_UNARY(Sqrt, xsimd::sqrt(x))
UNSPOOL_UNARY(Abs, xsimd::abs(x))
UNSPOOL_UNARY(Neg, (x ^ Batch<A, T>(T(-0.0))))
UNSPOOL_UNARY(Reciprocal, T(1) / x)
UNSPOOL_BINARY(Add, a, b, a + b)
UNSPOOL_BINARY(Sub, a, b, a - b)
UNSPOOL_BINARY(Mul, a, b, a* b)
UNSPOOL_BINARY(Div, a, b, a / b)
// A NaN in either operand wins. (a != a would not find it: xsimd 8.1 compares ordered on AVX.)
UNSPOOL_BINARY(Maximum, a, b, xsimd::select(b < a, a, xsimd::select(a == a, b, a)))
UNSPOOL_BINARY(Minimum, a, b, xsimd::select(a < b, a, xsimd::select(a == a, b, a)))
}  // namespace map

namespace grad {
UNSPOOL_BINARY(Tanh, dy, y, dy*(T(1) - y * y))
UNSPOOL_BINARY(Sigmoid, dy, y, dy* y*(T(1) - y))
UNSPOOL_BINARY(Relu, dy, kept, xsimd::select(Batch<A, T>(T(0)) < kept, dy, Batch<A, T>(T(0))))
UNSPOOL_BINARY(Log, dy, x, dy / x)
UNSPOOL_BINARY(Sqrt, dy, y, dy / (y + y))
UNSPOOL_BINARY(Square, dy, x, (dy + dy) * x)
UNSPOOL_BINARY(Abs, dy, x,
               xsimd::select(x == Batch<A, T>(T(0)), Batch<A, T>(T(0)),
                             xsimd::select(x == x, dy ^ (x & Batch<A, T>(T(-0.0))), Batch<A, T>(T(0)))))
UNSPOOL_BINARY(Softplus, dy, x, dy*(vsigmoid<A, T>(x)))
}  // namespace grad

#undef UNSPOOL_UNARY
#undef UNSPOOL_BINARY

template <class A, class T>
void axpb(int64_t n, T a, const T* x, T b, T* y) {
  for_each<A, T>(
      n, [=](int64_t i, auto at)
             __attribute__((always_inline)) { at.store(y + i, Batch<A, T>(a) * at.load(x + i) + Batch<A, T>(b)); });
}

template <class A, class T>
void axpy(int64_t n, T a, const T* x, T* y) {
  for_each<A, T>(
      n, [=](int64_t i, auto at)
             __attribute__((always_inline)) { at.store(y + i, at.load(y + i) + Batch<A, T>(a) * at.load(x + i)); });
}

template <class A, class T>
void fill(int64_t n, T value, T* y) {
  for_each<A, T>(
      n, [=](int64_t i, auto at) __attribute__((always_inline)) { at.store(y + i, Batch<A, T>(value)); });
}

template <class A, class T>
void muladd(int64_t n, const T* a, const T* b, T* y) {
  for_each<A, T>(
      n, [=](int64_t i, auto at)
             __attribute__((always_inline)) { at.store(y + i, at.load(y + i) + at.load(a + i) * at.load(b + i)); });
}

template <class A, class T>
void lerp(int64_t n, const T* w, const T* a, const T* b, T* y) {
  for_each<A, T>(
      n, [=](int64_t i, auto at) __attribute__((always_inline)) {
        const Batch<A, T> weight = at.load(w + i);
        at.store(y + i, weight * at.load(a + i) + (T(1) - weight) * at.load(b + i));
      });
}

template <class A, class T>
void scale_grad(int64_t n, const T* dy, T a, T* dx, bool accumulate) {
  assign_or_add<A, T>(
      n, dx,
      accumulate, [=](int64_t i, auto at) __attribute__((always_inline)) { return at.load(dy + i) * Batch<A, T>(a); });
}

template <class A, class T>
void copy_grad(int64_t n, const T* dy, T* dx, bool accumulate) {
  assign_or_add<A, T>(
      n, dx, accumulate, [=](int64_t i, auto at) __attribute__((always_inline)) { return at.load(dy + i); });
}

template <class A, class T>
void add_rows(int64_t rows, int64_t cols, const T* x, const T* b, T* y) {
  for (int64_t r = 0; r < rows; ++r) binary<A, T, map::Add>(cols, x + r * cols, b, y + r * cols);
}

template <class A, class T>
void mul_rows(int64_t rows, int64_t cols, const T* x, const T* b, T* y) {
  for (int64_t r = 0; r < rows; ++r) binary<A, T, map::Mul>(cols, x + r * cols, b, y + r * cols);
}

template <class A, class T>
void scale_rows(int64_t rows, int64_t cols, const T* x, const T* a, T* y, bool accumulate) {
  for (int64_t r = 0; r < rows; ++r) scale_grad<A, T>(cols, x + r * cols, a[r], y + r * cols, accumulate);
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
