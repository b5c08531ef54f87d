// Register tiles of the matrix product and the packing they read from. Blocking is in gemm.cpp, arithmetic in gemm.hpp.
#pragma once

#include <utility>

#include "tensor/simd/batch.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

/// Which tiles exist. A core issues two fused multiply-adds of latency four a cycle, so a tile needs at least eight
/// accumulators, and no more than leave registers for one row of B. Eight rows (AVX-512) and four (AVX2) divide the
/// usual batches; panels of two 512-bit vectors divide the usual widths. Taller tiles (14 x 2, 6 x 2) load less for
/// each product but were no faster: packing A in eights is three times quicker than in elevens.
struct TileShape {
  static constexpr int panel_vectors = has_avx512 ? 2 : has_fma ? 3 : 2;
  static constexpr int max_rows = has_avx512 ? 8 : 4;
  static constexpr int strip_vectors(int rows) {
    if (has_avx512) return rows <= 2 ? 8 : rows <= 4 ? 6 : rows <= 6 ? 4 : 2;
    if (has_fma) return rows == 1 ? 12 : rows == 2 ? 6 : 3;
    return rows == 1 ? 6 : rows == 2 ? 4 : 2;
  }
};

/// Keeps x in a register: GCC 12 otherwise loads a vector that two instructions use twice, which halved the speed of
/// two-row products, bound as they are by the cache.
template <class A, class T>
UNSPOOL_INLINE Batch<A, T> in_register(Batch<A, T> x) {
  typename Batch<A, T>::register_type value = x;
#if defined(__AVX512F__)
  asm("" : "+v"(value));
#else
  asm("" : "+x"(value));
#endif
  return value;
}

/// C[rows, columns] = A B, plus what is at `from`. The unroll pragmas are needed: without them GCC 12 keeps the accumulators in memory.
template <class A, class T, int rows, int vectors>
void gemm_tile(int64_t k, const T* a, const T* b, int64_t row_stride, int64_t panel_stride, T* c, int64_t ldc,
               int64_t columns, const T* from, int64_t ld_from, const T* next, int64_t next_step) {
  constexpr int64_t L = lanes<A, T>;
  constexpr int width = TileShape::panel_vectors;
  Batch<A, T> sum[rows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) sum[i][j] = Batch<A, T>(T(0));

      // The rows of C lie a stride apart, where no hardware prefetcher looks: asked for now, they are there at the end.
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 16
    for (int64_t line = 0; line < vectors * L; line += 64 / sizeof(T)) __builtin_prefetch(c + i * ldc + line, 1, 3);

  for (int64_t p = 0; p < k; ++p, a += rows, b += row_stride, next += next_step) {
    __builtin_prefetch(next, 0, 2);
    __builtin_prefetch(next + 64 / sizeof(T), 0, 2);
    const auto vector = [=](int j) __attribute__((always_inline)) {
      return load_all<A>(b + (j / width) * panel_stride + (j % width) * L);
    };
    if constexpr (rows == 2) {
      // Two rows of a wide strip: each vector of B is used at once, so that one register holds it.
      const Batch<A, T> first(a[0]), second(a[1]);
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) {
        const Batch<A, T> row = in_register<A>(vector(j));
        sum[0][j] = madd<A>(first, row, sum[0][j]);
        sum[1][j] = madd<A>(second, row, sum[1][j]);
      }
    } else {
      Batch<A, T> row[vectors];
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) row[j] = vector(j);
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
        const Batch<A, T> left(a[i]);
#pragma GCC unroll 16
        for (int j = 0; j < vectors; ++j) sum[i][j] = madd<A>(left, row[j], sum[i][j]);
      }
    }
  }

  const int64_t last = columns - (vectors - 1) * L;  // lanes of the last vector that are real
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i, c += ldc) {
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) {
      const int64_t at = i * ld_from + j * L;
      if (j + 1 < vectors || last == L)
        store_all<A>(c + j * L, from != nullptr ? load_all<A>(from + at) + sum[i][j] : sum[i][j]);
      else
        store_first<A>(c + j * L, from != nullptr ? load_first<A>(from + at, last) + sum[i][j] : sum[i][j], last);
    }
  }
}

/// One stage of a register transpose: exchanges the off-diagonal step x step blocks of rows x and y.
template <int step, class V, int... lane>
UNSPOOL_INLINE void exchange(V& x, V& y, std::integer_sequence<int, lane...>) {
  constexpr int L = sizeof...(lane);
  const V low = __builtin_shufflevector(x, y, ((lane & step) ? lane - step + L : lane)...);
  const V high = __builtin_shufflevector(x, y, ((lane & step) ? lane + L : lane + step)...);
  x = low;
  y = high;
}

template <int step, int L, class V>
UNSPOOL_INLINE void transpose(V (&rows)[L]) {
  if constexpr (step < L) {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i)
      if (!(i & step)) exchange<step>(rows[i], rows[i | step], std::make_integer_sequence<int, L>{});
    transpose<2 * step, L>(rows);
  }
}

/// What a tile of `rows` rows is turned by: a vector of as many elements, where one register holds it.
template <class T, int rows>
struct Square {
  static constexpr bool possible = (rows == 4 || rows == 8) && rows * sizeof(T) <= (has_avx512 ? 64
                                                                                    : has_fma  ? 32
                                                                                               : 16);
  typedef T Vector __attribute__((vector_size(possible ? rows * sizeof(T) : 16)));
};

template <class A, class T, int rows>
void pack_a_rows(bool transposed, int64_t k, const T* a, int64_t lda, T* packed) {
  if (transposed) {
    for (int64_t p = 0; p < k; ++p) __builtin_memcpy(packed + p * rows, a + p * lda, rows * sizeof(T));
    return;
  }
  int64_t p = 0;
  if constexpr (Square<T, rows>::possible)
    for (; p + rows <= k; p += rows, packed += rows * rows) {
      typename Square<T, rows>::Vector square[rows];
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) __builtin_memcpy(&square[i], a + i * lda + p, sizeof square[i]);
      transpose<1>(square);
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) __builtin_memcpy(packed + i * rows, &square[i], sizeof square[i]);
    }
  for (; p < k; ++p, packed += rows)
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) packed[i] = a[i * lda + p];
}

template <class A, class T, int... row>
UNSPOOL_INLINE void pack_a_dispatch(std::integer_sequence<int, row...>, bool transposed, int64_t rows, int64_t k,
                                    const T* a, int64_t lda, T* packed) {
  using Pack = void (*)(bool, int64_t, const T*, int64_t, T*);
  static constexpr Pack packs[] = {pack_a_rows<A, T, row + 1>...};
  packs[rows - 1](transposed, k, a, lda, packed);
}

template <class A, class T>
void pack_a(bool transposed, int64_t rows, int64_t k, const T* a, int64_t lda, T* packed) {
  pack_a_dispatch<A, T>(std::make_integer_sequence<int, TileShape::max_rows>{}, transposed, rows, k, a, lda, packed);
}

/// One panel of B. A transposed B is turned in registers, L x L at a time: four times faster than element by element,
/// which matters where a product has few rows and packing is most of its cost.
template <class A, class T>
void pack_b(bool transposed, int64_t k, int64_t columns, const T* b, int64_t ldb, T* packed) {
  constexpr int L = lanes<A, T>;
  constexpr int64_t width = int64_t{L} * TileShape::panel_vectors;
  if (!transposed) {
    for (int64_t p = 0; p < k; ++p, b += ldb, packed += width)
#pragma GCC unroll 4
      for (int64_t j = 0; j < width; j += L) {
        const int64_t left = columns - j;
        store_all<A>(packed + j, left >= L  ? load_all<A>(b + j)
                                 : left > 0 ? load_first<A>(b + j, left)
                                            : Batch<A, T>(T(0)));
      }
    return;
  }
  for (int64_t j = 0; j < width; j += L) {
    const int64_t left = columns - j;
    int64_t p = 0;
    if (left >= L)
      for (; p + L <= k; p += L) {
        using Register = typename Batch<A, T>::register_type;
        Register rows[L];
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) rows[i] = load_all<A>(b + (j + i) * ldb + p);
        transpose<1>(rows);
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) store_all<A>(packed + (p + i) * width + j, Batch<A, T>(rows[i]));
      }
    for (; p < k; ++p)
      for (int i = 0; i < L; ++i) packed[p * width + j + i] = i < left ? b[(j + i) * ldb + p] : T(0);
  }
}

/// `vectors` columns of one row in four chains; b[j] is where vector j of B begins.
template <class A, class T, int vectors>
UNSPOOL_INLINE void chains_side_by_side(int64_t k, int64_t chain, const T* a, const T* const* b, int64_t row_stride,
                                        T* c, int64_t columns, const T* from) {
  constexpr int64_t L = lanes<A, T>;
  Batch<A, T> sum[4][vectors];
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s)
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) sum[s][j] = Batch<A, T>(T(0));
  const auto step = [&](int64_t p, int s) __attribute__((always_inline)) {
    const Batch<A, T> left(a[s * chain + p]);
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j)
      sum[s][j] = madd<A>(left, load_all<A>(b[j] + (s * chain + p) * row_stride), sum[s][j]);
  };
  int64_t p = 0;
  for (; p < k - 3 * chain; ++p)
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) step(p, s);
  for (; p < chain; ++p)
#pragma GCC unroll 3
    for (int s = 0; s < 3; ++s) step(p, s);
#pragma GCC unroll 2
  for (int j = 0; j < vectors; ++j) {
    const auto put = [&](auto access) __attribute__((always_inline)) {
      const Batch<A, T> first = from != nullptr ? access.load(from + j * L) + sum[0][j] : sum[0][j];
      access.store(c + j * L, first + sum[1][j] + sum[2][j] + sum[3][j]);
    };
    const int64_t left = columns - j * L;
    if (left >= L)
      put(Whole<A, T>{});
    else
      put(First<A, T>{left});
  }
}

template <class A, class T>
void four_chains(int64_t k, int64_t chain, const T* a, const T* b, int64_t row_stride, int64_t panel_stride, T* c,
                 int64_t columns, const T* from) {
  constexpr int64_t L = lanes<A, T>;
  constexpr int width = TileShape::panel_vectors;
  for (int64_t j = 0, at = 0; at < columns; j += 2, at += 2 * L) {
    const T* const vector[2] = {b + j / width * panel_stride + j % width * L,
                                b + (j + 1) / width * panel_stride + (j + 1) % width * L};
    const T* const onto = from == nullptr ? nullptr : from + at;
    if (columns - at > L)
      chains_side_by_side<A, T, 2>(k, chain, a, vector, row_stride, c + at, columns - at, onto);
    else
      chains_side_by_side<A, T, 1>(k, chain, a, vector, row_stride, c + at, columns - at, onto);
  }
}

template <class A, class T, int rows, int... vector>
constexpr void put_tiles(GemmKernels<T>& g, std::integer_sequence<int, vector...>) {
  ((g.tile[rows][vector + 1] = gemm_tile<A, T, rows, vector + 1>), ...);
  g.strip_vectors[rows] = sizeof...(vector);
}

template <class A, class T, int... row>
constexpr void put_rows(GemmKernels<T>& g, std::integer_sequence<int, row...>) {
  (put_tiles<A, T, row + 1>(g, std::make_integer_sequence<int, TileShape::strip_vectors(row + 1)>{}), ...);
}

template <class A, class T>
constexpr GemmKernels<T> gemm_kernels() {
  GemmKernels<T> g;
  g.lanes = lanes<A, T>;
  g.panel_vectors = TileShape::panel_vectors;
  g.max_rows = TileShape::max_rows;
  put_rows<A, T>(g, std::make_integer_sequence<int, TileShape::max_rows>{});
  g.four_chains = four_chains<A, T>;
  g.pack_a = pack_a<A, T>;
  g.pack_b = pack_b<A, T>;
  return g;
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
