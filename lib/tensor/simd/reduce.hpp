// Reductions. Four vectors of partial sums over a block, a fixed tree over their lanes, and the block sums collected
// in double: the error of a float sum does not grow with n, and the order depends on n and the lane count alone.
#pragma once

#include "tensor/simd/batch.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

/// term(i, access, sum) adds the terms at i to a running vector.
template <class A, class T, class F>
UNSPOOL_INLINE T sum_terms(int64_t n, F term) {
  constexpr int64_t L = lanes<A, T>, block = 4096;
  double total = 0;
  for (int64_t start = 0; start < n; start += block) {
    const int64_t end = n - start < block ? n : start + block;
    Batch<A, T> sum[4] = {Batch<A, T>(T(0)), Batch<A, T>(T(0)), Batch<A, T>(T(0)), Batch<A, T>(T(0))};
    int64_t i = start;
    for (; i + 4 * L <= end; i += 4 * L)
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) sum[j] = term(i + j * L, Whole<A, T>{}, sum[j]);
    for (; i + L <= end; i += L) sum[0] = term(i, Whole<A, T>{}, sum[0]);
    if (i < end) sum[1] = term(i, First<A, T>{end - i}, sum[1]);
    total += static_cast<double>(sum_lanes<A>((sum[0] + sum[1]) + (sum[2] + sum[3])));
  }
  return static_cast<T>(total);
}

template <class A, class T>
T sum(int64_t n, const T* x) {
  return sum_terms<A, T>(
      n, [=](int64_t i, auto at, Batch<A, T> s) __attribute__((always_inline)) { return s + at.load(x + i); });
}

template <class A, class T>
T dot(int64_t n, const T* a, const T* b) {
  return sum_terms<A, T>(
      n, [=](int64_t i, auto at, Batch<A, T> s)
             __attribute__((always_inline)) { return madd<A>(at.load(a + i), at.load(b + i), s); });
}

template <class A, class T>
T sum_squares(int64_t n, const T* x) {
  return dot<A, T>(n, x, x);
}

template <class A, class T>
T max(int64_t n, const T* x) {
  constexpr int64_t L = lanes<A, T>;
  T result = static_cast<T>(-__builtin_huge_val());
  int64_t i = 0;
  if (n >= L) {
    Batch<A, T> most(result), nan(T(0));
    const auto take = [&](int64_t at) __attribute__((always_inline)) {
      const Batch<A, T> v = load_all<A>(x + at);
      most = xsimd::max(most, v);
      nan = xsimd::select(v == v, nan, v);
    };
    for (; i + L <= n; i += L) take(i);
    if (i < n) take(n - L);  // overlaps: a maximum does not mind
    T lane[L], bad[L];
    store_all<A>(lane, most);
    store_all<A>(bad, nan);
    for (int j = 0; j < L; ++j)
      if (bad[j] != bad[j]) return bad[j];
    for (int j = 0; j < L; ++j) result = lane[j] > result ? lane[j] : result;
    return result;
  }
  for (; i < n; ++i) {
    if (x[i] != x[i]) return x[i];
    result = x[i] > result ? x[i] : result;
  }
  return result;
}

template <class A, class T>
bool any_nonfinite(int64_t n, const T* x) {
  constexpr int64_t L = lanes<A, T>;
  // 0 * x is zero for a finite x and NaN otherwise, and a sum never loses a NaN.
  const Batch<A, T> zero(T(0));
  Batch<A, T> sum[4] = {zero, zero, zero, zero};
  int64_t i = 0;
  for (; i + 4 * L <= n; i += 4 * L)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sum[j] = madd<A>(load_all<A>(x + i + j * L), zero, sum[j]);
  for (; i + L <= n; i += L) sum[0] = madd<A>(load_all<A>(x + i), zero, sum[0]);
  if (i < n) sum[1] = madd<A>(load_first<A>(x + i, n - i), zero, sum[1]);
  const T all = sum_lanes<A>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  return all != all;
}

/// One chain per column in row order. Rows go in blocks, with the running sums kept in dst between them: a block of
/// rows stays within the pages the processor remembers, where whole columns of a wide matrix would not.
template <class A, class T>
void column_sums(int64_t rows, int64_t cols, const T* x, int64_t ldx, T* dst, bool accumulate) {
  constexpr int64_t L = lanes<A, T>, row_block = 32;
  const Batch<A, T> zero(T(0));
  if (rows == 0 && !accumulate)
    for_each<A, T>(
        cols, [=](int64_t c, auto at) __attribute__((always_inline)) { at.store(dst + c, zero); });
  for (int64_t start = 0; start < rows; start += row_block) {
    const int64_t count = rows - start < row_block ? rows - start : row_block;
    const T* const block = x + start * ldx;
    const bool resume = accumulate || start > 0;
    int64_t c = 0;
    for (; c + 4 * L <= cols; c += 4 * L) {
      Batch<A, T> sum[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) sum[j] = resume ? load_all<A>(dst + c + j * L) : zero;
      for (int64_t r = 0; r < count; ++r)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) sum[j] = sum[j] + load_all<A>(block + r * ldx + c + j * L);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) store_all<A>(dst + c + j * L, sum[j]);
    }
    for_each<A, T>(
        cols - c, [=](int64_t j, auto at) __attribute__((always_inline)) {
          Batch<A, T> sum = resume ? at.load(dst + c + j) : zero;
          for (int64_t r = 0; r < count; ++r) sum = sum + at.load(block + r * ldx + c + j);
          at.store(dst + c + j, sum);
        });
  }
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
