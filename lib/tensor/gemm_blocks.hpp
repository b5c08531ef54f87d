// What products are made of around the register tiles of KernelTable::gemm: cutting rows into tiles, packing both
// factors, running the tiles of one k block.
//
// Loops, outside in: k blocks (fixed by the arithmetic, gemm.hpp), column blocks of packed B, row blocks of packed A,
// strips of B, tiles of A. A strip of B (k_block x one panel, 24 to 32 KiB of float) stays in the first-level cache
// while the row block (128 KiB) streams from the second; both fit a 512 KiB second level with room for C.
#pragma once

#include <algorithm>
#include <bit>

#include "tensor/gemm.hpp"

namespace unspool::kernels::blocks {

using std::int64_t;

inline constexpr int64_t row_block = 128;
inline constexpr int64_t column_block_bytes = 1 << 20;
inline constexpr int64_t transposed_stretch = 16;

inline int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

/// Cuts m rows into tiles whose heights differ by at most one: 10 rows run as 5 and 5 rather than 8 and 2.
struct RowTiles {
  RowTiles(int64_t m, int64_t max_rows) : count((m + max_rows - 1) / max_rows), base(m / count), taller(m % count) {}
  int64_t rows(int64_t tile) const { return base + (tile < taller); }
  int64_t tallest() const { return rows(0); }
  int64_t count, base, taller;
};

template <class T>
int64_t panel_width(const GemmKernels<T>& g) {
  return int64_t{g.lanes} * g.panel_vectors;
}

/// Where a block of op(B) lies: packed panels, or the caller's row-major matrix read in place.
template <class T>
struct Columns {
  const T* data;
  int64_t row_stride, panel_stride;
};

/// Where a product goes, and what it is added to: what lies at `from`, rows ld_from apart; nothing where that is null.
template <class T>
struct Into {
  T* c;
  int64_t ldc;
  const T* from;
  int64_t ld_from;

  Into(T* to, int64_t ld, Onto<T> onto)
      : c(to), ldc(ld), from(onto.accumulates() ? to : onto.row()), ld_from(onto.accumulates() ? ld : 0) {}
  Into at(int64_t i, int64_t j) const {
    Into part = *this;
    part.c += i * ldc + j;
    if (from != nullptr) part.from += i * ld_from + j;
    return part;
  }
  /// For the k blocks after the first.
  Into after(int64_t p) const { return p == 0 ? *this : Into(c, ldc, true); }
};

/// run_strips for one row, which is its own tile: without the divisions that cost more than the product of a small one.
template <class T>
void run_row(const GemmKernels<T>& g, int64_t n, int64_t k, int64_t chain, const T* a, Columns<T> b, Into<T> into) {
  if (chain < k) return g.four_chains(k, chain, a, b.data, b.row_stride, b.panel_stride, into.c, n, into.from);
  const int strip_vectors = g.strip_vectors[1];
  const int64_t strip = int64_t{strip_vectors} * g.lanes;
  const int64_t strip_stride = strip < n ? strip_vectors / g.panel_vectors * b.panel_stride : 0;
  const int lane_bits = std::countr_zero(static_cast<unsigned>(g.lanes));
  for (int64_t j = 0; j < n; j += strip, b.data += strip_stride) {
    const int64_t width = std::min(strip, n - j);
    g.tile[1][(width + g.lanes - 1) >> lane_bits](k, a, b.data, b.row_stride, b.panel_stride, into.c + j, 0, width,
                                                  into.from == nullptr ? nullptr : into.from + j, 0, b.data, 0);
  }
}

/// One row of one k block, from packed columns (may be null) or a B that is read where it lies: straight to its tile, for
/// the calls that lead there otherwise cost as much as the product of a small recurrence. False where there is more to do.
template <class T>
bool run_single_row(const GemmKernels<T>& g, bool tb, int64_t n, int64_t k, const T* a, const T* b, const T* packed,
                    Into<T> into) {
  if (n == 0 || k == 0 || k > gemm_k_block || (packed == nullptr && (tb || (n & (g.lanes - 1)) != 0))) return false;
  const int64_t width = panel_width(g);
  run_row(g, n, k, gemm_chain(n, k), a,
          packed != nullptr ? Columns<T>{packed, width, width * k} : Columns<T>{b, n, width}, into);
  return true;
}

/// What tiles prefetch: from `data` on, so many elements further at every step of k.
template <class T>
struct Ahead {
  const T* data;
  int64_t step;
};

/// A tile of so many rows and columns, chain after chain.
template <class T>
void run_tile(GemmTile<T> tile, int64_t rows, int64_t columns, int64_t k, int64_t chain, const T* a, Columns<T> b,
              Into<T> into, Ahead<T> next) {
  for (int64_t p = 0; p < k; p += chain) {
    const Into<T> to = into.after(p);
    tile(std::min(chain, k - p), a + p * rows, b.data + p * b.row_stride, b.row_stride, b.panel_stride, to.c, to.ldc,
         columns, to.from, to.ld_from, next.data + p * next.step, next.step);
  }
}

/// The product over one k block, of chains of that length; a holds the packed tiles one after the other. While a strip
/// of packed B is used, its tiles prefetch the next one, a share each: the hardware stops at every page, and weights
/// that do not fit the second-level cache would stall there (a quarter of the time at B = 64, H = 512).
template <class T>
void run_strips(const GemmKernels<T>& g, int64_t m, int64_t n, int64_t k, int64_t chain, const T* a, Columns<T> b,
                Into<T> into) {
  if (m == 1) return run_row(g, n, k, chain, a, b, into);
  const RowTiles tiles(m, g.max_rows);
  const int strip_vectors = g.strip_vectors[tiles.tallest()];
  const int64_t strip = int64_t{strip_vectors} * g.lanes;
  const int64_t strip_stride = strip_vectors / g.panel_vectors * b.panel_stride;
  const bool prefetches = b.row_stride == panel_width(g) && strip_vectors == g.panel_vectors;
  const int64_t next_step = prefetches ? b.row_stride / tiles.count : 0;
  for (int64_t j = 0; j < n; j += strip, b.data += strip_stride) {
    const int64_t width = std::min(strip, n - j);
    const int64_t vectors = (width + g.lanes - 1) / g.lanes;
    const T* const next = prefetches && j + strip < n ? b.data + strip_stride : b.data;
    for (int64_t tile = 0, i = 0; tile < tiles.count; ++tile) {
      const int64_t rows = tiles.rows(tile);
      run_tile(g.tile[rows][vectors], rows, width, k, chain, a + i * k, b, into.at(i, j),
               Ahead<T>{next + tile * k * next_step, next_step});
      i += rows;
    }
  }
}

/// Packs op(A)[m, k] tile by tile. One contiguous row is its own packed form and is returned as it is. A transposed A is
/// read a few rows of its own at a time, all tiles of each: a tile is half a cache line wide, and with a stride of whole
/// pages the other half would be gone when the next tile comes for it.
template <class T>
const T* pack_rows(const GemmKernels<T>& g, bool ta, int64_t m, int64_t k, const T* a, int64_t lda, T* packed) {
  if (m == 1 && (!ta || lda == 1)) return a;
  const RowTiles tiles(m, g.max_rows);
  const int64_t stretch = ta ? transposed_stretch : k;
  for (int64_t p = 0; p < k; p += stretch) {
    const int64_t depth = std::min(stretch, k - p);
    for (int64_t tile = 0, i = 0; tile < tiles.count; ++tile) {
      const int64_t rows = tiles.rows(tile);
      g.pack_a(ta, rows, depth, ta ? a + p * lda + i : a + i * lda, lda, packed + i * k + p * rows);
      i += rows;
    }
  }
  return packed;
}

template <class T>
void pack_columns(const GemmKernels<T>& g, bool tb, int64_t k, int64_t n, const T* b, int64_t ldb, T* packed) {
  const int64_t width = panel_width(g);
  for (int64_t j = 0; j < n; j += width, packed += width * k)
    g.pack_b(tb, k, std::min(width, n - j), tb ? b + j * ldb : b + j, ldb, packed);
}

}  // namespace unspool::kernels::blocks
