// Kernels that work on elements one by one, and on rows with a number for each column.
#pragma once

#include <algorithm>

#include "base/philox_lanes.hpp"
#include "tensor/kernels.hpp"
#include "tensor/reference/put.hpp"
#include "unspool/maths.hpp"

namespace unspool::kernels::reference {

// A factor that is the same for all elements, often a constant: that must not make NaN of an infinite x.
template <RealScalar T>
T scaled(T a, T x) {
  return a * x;
}
template <class T>
Dual<T> scaled(const Dual<T>& a, const Dual<T>& x) {
  return a.tangent == 0 ? a.value * x : a * x;
}

template <class T, auto f>
void unary(int64_t n, const T* x, T* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
}

template <class T, auto f>
void binary(int64_t n, const T* a, const T* b, T* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
}

template <class T, auto f>
void unary_grad(int64_t n, const T* dy, const T* kept, T* dx, bool accumulate) {
  for (int64_t i = 0; i < n; ++i) put(dx[i], f(dy[i], kept[i]), accumulate);
}

template <class T>
void elementwise(KernelTable<T>& t) {
  t.exp = unary<T, [](T x) { return maths::exp(x); }>;
  t.expm1 = unary<T, [](T x) { return maths::expm1(x); }>;
  t.log = unary<T, [](T x) { return maths::log(x); }>;
  t.log1p = unary<T, [](T x) { return maths::log1p(x); }>;
  t.tanh = unary<T, [](T x) { return maths::tanh(x); }>;
  t.sigmoid = unary<T, [](T x) { return maths::sigmoid(x); }>;
  t.softplus = unary<T, [](T x) { return maths::softplus(x); }>;
  t.relu = unary<T, [](T x) { return 0 < x ? x : x < 0 ? T(0) : maths::constant(x); }>;
  t.square = unary<T, [](T x) { return x * x; }>;
  t.sqrt = unary<T, [](T x) { return maths::sqrt(x); }>;
  t.abs = unary<T, [](T x) { return maths::abs(x); }>;
  t.neg = unary<T, [](T x) { return -x; }>;
  t.reciprocal = unary<T, [](T x) { return 1 / x; }>;
  t.add = binary<T, [](T a, T b) { return a + b; }>;
  t.sub = binary<T, [](T a, T b) { return a - b; }>;
  t.mul = binary<T, [](T a, T b) { return a * b; }>;
  t.div = binary<T, [](T a, T b) { return a / b; }>;
  t.maximum = binary<T, [](T a, T b) { return b < a || maths::isnan(a) ? a : b; }>;
  t.minimum = binary<T, [](T a, T b) { return a < b || maths::isnan(a) ? a : b; }>;
  t.axpb = [](int64_t n, T a, const T* x, T b, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] = scaled(a, x[i]) + b;
  };
  t.axpy = [](int64_t n, T a, const T* x, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] += scaled(a, x[i]);
  };
  t.fill = [](int64_t n, T value, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] = value;
  };
  t.dropout = [](int64_t n, const MaskArgs& mask, T scale, const T* x, T* y, bool accumulate) {
    using Lanes = unspool::detail::PhiloxLanes;
    for (int64_t start = 0; start < n; start += Lanes::words) {
      const Lanes bits(mask.seed, mask.stream, mask.first_block + static_cast<std::uint64_t>(start / 4));
      for (int64_t i = 0; i < std::min<int64_t>(n - start, Lanes::words); ++i)
        put(y[start + i], bits.word[i] < mask.threshold ? T(0) : scaled(scale, x[start + i]), accumulate);
    }
  };
  t.muladd = [](int64_t n, const T* a, const T* b, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] += a[i] * b[i];
  };
  t.lerp = [](int64_t n, const T* w, const T* a, const T* b, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] = w[i] * a[i] + (1 - w[i]) * b[i];
  };
  t.tanh_grad = unary_grad<T, [](T dy, T y) { return dy * (1 - y * y); }>;
  t.sigmoid_grad = unary_grad<T, [](T dy, T y) { return dy * y * (1 - y); }>;
  t.relu_grad = unary_grad<T, [](T dy, T kept) { return 0 < kept ? dy : T(0); }>;
  t.exp_grad = unary_grad<T, [](T dy, T y) { return dy * y; }>;
  t.mul_grad = t.exp_grad;
  t.log_grad = unary_grad<T, [](T dy, T x) { return dy / x; }>;
  t.sqrt_grad = unary_grad<T, [](T dy, T y) { return dy / (2 * y); }>;
  t.square_grad = unary_grad<T, [](T dy, T x) { return 2 * dy * x; }>;
  t.abs_grad = unary_grad<T, [](T dy, T x) { return 0 < x ? dy : x < 0 ? -dy : T(0); }>;
  t.softplus_grad = unary_grad<T, [](T dy, T x) { return dy * maths::sigmoid(x); }>;
  t.scale_grad = [](int64_t n, const T* dy, T a, T* dx, bool accumulate) {
    for (int64_t i = 0; i < n; ++i) put(dx[i], scaled(a, dy[i]), accumulate);
  };
  t.copy_grad = [](int64_t n, const T* dy, T* dx, bool accumulate) {
    for (int64_t i = 0; i < n; ++i) put(dx[i], dy[i], accumulate);
  };
}

template <class T>
void rows(KernelTable<T>& t) {
  t.add_rows = [](int64_t rows, int64_t cols, const T* x, const T* b, T* y) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) y[r * cols + c] = x[r * cols + c] + b[c];
  };
  t.mul_rows = [](int64_t rows, int64_t cols, const T* x, const T* b, T* y) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) y[r * cols + c] = x[r * cols + c] * b[c];
  };
  t.scale_rows = [](int64_t rows, int64_t cols, const T* x, const T* a, T* y, bool accumulate) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) put(y[r * cols + c], x[r * cols + c] * a[r], accumulate);
  };
  t.column_sums = [](int64_t rows, int64_t cols, const T* x, int64_t ldx, T* dst, bool accumulate) {
    for (int64_t c = 0; c < cols; ++c) {
      T sum = accumulate ? dst[c] : T(0);
      for (int64_t r = 0; r < rows; ++r) sum += x[r * ldx + c];
      dst[c] = sum;
    }
  };
}

}  // namespace unspool::kernels::reference
