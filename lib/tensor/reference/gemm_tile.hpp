// The parts of a matrix product.
#pragma once

#include <algorithm>

#include "tensor/kernels.hpp"

namespace unspool::kernels::reference {

constexpr int tile_columns = 8;

template <class T, int rows>
void gemm_tile(int64_t k, const T* a, const T* b, int64_t row_stride, int64_t, T* c, int64_t ldc, int64_t columns,
               const T* from, int64_t ld_from, const T*, int64_t) {
  T sum[rows][tile_columns] = {};
  for (int64_t p = 0; p < k; ++p)
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < tile_columns; ++j) sum[i][j] += a[p * rows + i] * b[p * row_stride + j];
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) c[i * ldc + j] = from == nullptr ? sum[i][j] : from[i * ld_from + j] + sum[i][j];
}

template <class T>
void four_chains(int64_t k, int64_t chain, const T* a, const T* b, int64_t row_stride, int64_t panel_stride, T* c,
                 int64_t columns, const T* from) {
  for (int64_t j = 0; j < columns; ++j) {
    const T* const column = b + j / tile_columns * panel_stride + j % tile_columns;
    for (int64_t p = 0; p < k; p += chain) {
      T sum = 0;
      for (int64_t i = p; i < std::min(k, p + chain); ++i) sum += a[i] * column[i * row_stride];
      c[j] = p > 0 ? c[j] + sum : from == nullptr ? sum : from[j] + sum;
    }
  }
}

template <class T>
void gemm_parts(GemmKernels<T>& gemm) {
  gemm.lanes = tile_columns;
  gemm.panel_vectors = 1;
  gemm.max_rows = 2;
  gemm.strip_vectors[1] = gemm.strip_vectors[2] = 1;
  gemm.tile[1][1] = gemm_tile<T, 1>;
  gemm.tile[2][1] = gemm_tile<T, 2>;
  gemm.four_chains = four_chains<T>;
  gemm.pack_a = [](bool transposed, int64_t rows, int64_t k, const T* a, int64_t lda, T* packed) {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t i = 0; i < rows; ++i) packed[p * rows + i] = transposed ? a[p * lda + i] : a[i * lda + p];
  };
  gemm.pack_b = [](bool transposed, int64_t k, int64_t columns, const T* b, int64_t ldb, T* packed) {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < tile_columns; ++j)
        packed[p * tile_columns + j] = j >= columns ? T(0) : transposed ? b[j * ldb + p] : b[p * ldb + j];
  };
}

}  // namespace unspool::kernels::reference
