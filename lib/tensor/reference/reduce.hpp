// Kernels that make one number of many, and those of rows that rest on them: the softmax family.
#pragma once

#include <limits>

#include "tensor/kernels.hpp"
#include "tensor/reference/put.hpp"
#include "unspool/maths.hpp"

namespace unspool::kernels::reference {

template <class T>
T max_of(int64_t n, const T* x) {
  T result = -std::numeric_limits<T>::infinity();
  for (int64_t i = 0; i < n; ++i)
    if (x[i] > result || maths::isnan(x[i])) result = x[i];
  return result;
}

template <class T>
T logsumexp(int64_t n, const T* x) {
  const T max = max_of(n, x);
  if (maths::isinf(max)) return max;
  T sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += maths::exp(x[i] - max);
  return max + maths::log(sum);
}

template <class T>
void reductions(KernelTable<T>& t) {
  t.sum = [](int64_t n, const T* x) {
    Wide<T> sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += x[i];
    return T(sum);
  };
  t.dot = [](int64_t n, const T* a, const T* b) {
    Wide<T> sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += Wide<T>(a[i]) * b[i];
    return T(sum);
  };
  t.sum_squares = [](int64_t n, const T* x) {
    Wide<T> sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += Wide<T>(x[i]) * x[i];
    return T(sum);
  };
  t.max = max_of<T>;
  t.any_nonfinite = [](int64_t n, const T* x) {
    for (int64_t i = 0; i < n; ++i)
      if (!maths::isfinite(x[i])) return true;
    return false;
  };
}

template <class T>
void softmax(KernelTable<T>& t) {
  t.softmax = [](int64_t rows, int64_t cols, const T* x, T* y) {
    for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
      const T max = max_of(cols, x);
      T sum = 0;
      for (int64_t c = 0; c < cols; ++c) sum += y[c] = maths::exp(x[c] - max);
      for (int64_t c = 0; c < cols; ++c) y[c] /= sum;
    }
  };
  t.log_softmax = [](int64_t rows, int64_t cols, const T* x, T* y) {
    for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
      const T max = max_of(cols, x);
      T sum = 0;
      for (int64_t c = 0; c < cols; ++c) sum += maths::exp(x[c] - max);
      const T log_sum = maths::log(sum);
      for (int64_t c = 0; c < cols; ++c) y[c] = (x[c] - max) - log_sum;
    }
  };
  t.softmax_grad = [](int64_t rows, int64_t cols, const T* dy, const T* y, T* dx, bool accumulate) {
    for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
      T dot = 0;
      for (int64_t c = 0; c < cols; ++c) dot += dy[c] * y[c];
      for (int64_t c = 0; c < cols; ++c) put(dx[c], y[c] * (dy[c] - dot), accumulate);
    }
  };
  t.log_softmax_grad = [](int64_t rows, int64_t cols, const T* dy, const T* y, T* dx, bool accumulate) {
    for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
      T sum = 0;
      for (int64_t c = 0; c < cols; ++c) sum += dy[c];
      for (int64_t c = 0; c < cols; ++c) put(dx[c], dy[c] - maths::exp(y[c]) * sum, accumulate);
    }
  };
  t.row_max = [](int64_t rows, int64_t cols, const T* x, T* max) {
    for (int64_t r = 0; r < rows; ++r) max[r] = max_of(cols, x + r * cols);
  };
  t.row_logsumexp = [](int64_t rows, int64_t cols, const T* x, T* lse) {
    for (int64_t r = 0; r < rows; ++r) lse[r] = logsumexp(cols, x + r * cols);
  };
  t.row_exp_shifted = [](int64_t rows, int64_t cols, const T* x, const T* shift, T* p) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) p[r * cols + c] = maths::exp(x[r * cols + c] - shift[r]);
  };
}

}  // namespace unspool::kernels::reference
