// The blocked product around the register tiles of KernelTable::gemm.
//
// Loops, outside in: k blocks (fixed by the arithmetic, gemm.hpp), column blocks of packed B, row blocks of packed A,
// strips of B, tiles of A. A strip of B (k_block x one panel, 24 to 32 KiB of float) stays in the first-level cache
// while the row block (128 KiB) streams from the second; both fit a 512 KiB second level with room for C.
#include "tensor/gemm.hpp"

#include <algorithm>
#include <bit>

namespace unspool::kernels {
namespace {

using std::int64_t;

constexpr int64_t row_block = 128;
constexpr int64_t column_block_bytes = 1 << 20;
constexpr int64_t transposed_stretch = 16;

constexpr int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

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

/// run_strips for one row, which is its own tile: without the divisions that cost more than the product of a small one.
template <class T>
void run_row(const GemmKernels<T>& g, int64_t n, int64_t k, const T* a, Columns<T> b, bool accumulate, T* c) {
  const int strip_vectors = g.strip_vectors[1];
  const int64_t strip = int64_t{strip_vectors} * g.lanes;
  const int64_t strip_stride = strip < n ? strip_vectors / g.panel_vectors * b.panel_stride : 0;
  const int lane_bits = std::countr_zero(static_cast<unsigned>(g.lanes));
  for (int64_t j = 0; j < n; j += strip, b.data += strip_stride) {
    const int64_t width = std::min(strip, n - j);
    g.tile[1][(width + g.lanes - 1) >> lane_bits](k, a, b.data, b.row_stride, b.panel_stride, c + j, 0, width,
                                                  accumulate, b.data, 0);
  }
}

/// C[m, n] (=|+=) the product over one k block; a holds the packed tiles one after the other. While a strip of packed B
/// is used, its tiles prefetch the next one, a share each: the hardware stops at every page, and weights that do not
/// fit the second-level cache would stall there (a quarter of the time at B = 64, H = 512).
template <class T>
void run_strips(const GemmKernels<T>& g, int64_t m, int64_t n, int64_t k, const T* a, Columns<T> b, bool accumulate,
                T* c, int64_t ldc) {
  if (m == 1) return run_row(g, n, k, a, b, accumulate, c);
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
      g.tile[rows][vectors](k, a + i * k, b.data, b.row_stride, b.panel_stride, c + i * ldc + j, ldc, width, accumulate,
                            next + tile * k * next_step, next_step);
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

template <class T>
void clear(int64_t m, int64_t n, T* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, T(0));
}

/// One k block with a row-major B read in place; only the columns of a partial last vector are packed.
template <class T>
void multiply_in_place(const GemmKernels<T>& g, int64_t m, int64_t n, int64_t k, const T* a, const T* b, int64_t ldb,
                       bool accumulate, T* c, int64_t ldc, T* tail) {
  const int64_t whole = n / g.lanes * g.lanes;
  if (whole > 0) run_strips(g, m, whole, k, a, Columns<T>{b, ldb, panel_width(g)}, accumulate, c, ldc);
  if (whole < n) {
    g.pack_b(false, k, n - whole, b + whole, ldb, tail);
    run_strips(g, m, n - whole, k, a, Columns<T>{tail, panel_width(g), 0}, accumulate, c + whole, ldc);
  }
}

/// Many rows, few columns: computed as C^T = op(B)^T op(A)^T, which has the same bits, so that vectors run along m.
template <class T>
void multiply_narrow(const GemmKernels<T>& g, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a,
                     int64_t lda, const T* b, int64_t ldb, bool accumulate, T* c, int64_t ldc, Workspace& workspace) {
  const int64_t width = panel_width(g), k_most = std::min(k, gemm_k_block);
  T* const left = workspace.reserve<T>(round_up(n * k_most, 16) + round_up(width * k_most, 16) + n * width);
  T* const panel = left + round_up(n * k_most, 16);
  T* const product = panel + round_up(width * k_most, 16);
  for (int64_t p = 0; p < k; p += gemm_k_block) {
    const int64_t depth = std::min(gemm_k_block, k - p);
    const T* const rows = pack_rows(g, !tb, n, depth, tb ? b + p : b + p * ldb, ldb, left);
    for (int64_t i = 0; i < m; i += width) {
      const int64_t columns = std::min(width, m - i);
      g.pack_b(!ta, depth, columns, ta ? a + p * lda + i : a + i * lda + p, lda, panel);
      run_strips(g, n, columns, depth, rows, Columns<T>{panel, width, 0}, false, product, width);
      const bool add = accumulate || p > 0;
      for (int64_t r = 0; r < columns; ++r)
        for (int64_t j = 0; j < n; ++j) {
          T& out = c[(i + r) * ldc + j];
          out = add ? out + product[j * width + r] : product[j * width + r];
        }
    }
  }
}

/// One row of A, already its own packed form, and a row-major B.
template <class T>
void multiply_row(const GemmKernels<T>& g, int64_t n, int64_t k, const T* a, const T* b, int64_t ldb, bool accumulate,
                  T* c, int64_t ldc, Workspace& workspace) {
  const int64_t width = panel_width(g);
  T* const tail = n % g.lanes == 0 ? nullptr : workspace.reserve<T>(width * std::min(k, gemm_k_block));
  for (int64_t p = 0; p < k; p += gemm_k_block)
    multiply_in_place(g, 1, n, std::min(gemm_k_block, k - p), a + p, b + p * ldb, ldb, accumulate || p > 0, c, ldc,
                      tail);
}

template <class T>
void multiply_blocked(const GemmKernels<T>& g, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a,
                      int64_t lda, const T* b, int64_t ldb, bool accumulate, T* c, int64_t ldc, Workspace& workspace) {
  const int64_t k_most = std::min(k, gemm_k_block), m_most = std::min(m, row_block), width = panel_width(g);
  const bool in_place = !tb && m <= gemm_direct_rows;
  // With few rows a packed strip is used once, straight away: keep it small and close.
  const int64_t wanted = m <= 2 * g.max_rows ? g.strip_vectors[RowTiles(m_most, g.max_rows).tallest()] * g.lanes
                                             : column_block_bytes / (k_most * int64_t{sizeof(T)});
  const int64_t n_block = std::min(round_up(n, width), std::max(width, wanted / width * width));
  T* const packed_a = workspace.reserve<T>(round_up(m_most * k_most, 16) + (in_place ? width : n_block) * k_most);
  T* const packed_b = packed_a + round_up(m_most * k_most, 16);

  for (int64_t p = 0; p < k; p += gemm_k_block) {
    const int64_t depth = std::min(gemm_k_block, k - p);
    const bool add = accumulate || p > 0;
    if (in_place) {
      const T* const rows = pack_rows(g, ta, m, depth, ta ? a + p * lda : a + p, lda, packed_a);
      multiply_in_place(g, m, n, depth, rows, b + p * ldb, ldb, add, c, ldc, packed_b);
      continue;
    }
    const T* rows = nullptr;
    for (int64_t j = 0; j < n; j += n_block) {
      const int64_t columns = std::min(n_block, n - j);
      pack_columns(g, tb, depth, columns, tb ? b + j * ldb + p : b + p * ldb + j, ldb, packed_b);
      for (int64_t i = 0; i < m; i += row_block) {
        const int64_t height = std::min(row_block, m - i);
        if (j == 0 || m > row_block)
          rows = pack_rows(g, ta, height, depth, ta ? a + p * lda + i : a + i * lda + p, lda, packed_a);
        run_strips(g, height, columns, depth, rows, Columns<T>{packed_b, width, width * depth}, add, c + i * ldc + j,
                   ldc);
      }
    }
  }
}

}  // namespace

template <class T>
void gemm(const KernelTable<T>& table, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
          const T* b, int64_t ldb, bool accumulate, T* c, int64_t ldc, Workspace& workspace) {
  const GemmKernels<T>& g = table.gemm;
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (!accumulate) clear(m, n, c, ldc);
  } else if (m == 1 && !tb && (!ta || lda == 1)) {
    multiply_row(g, n, k, a, b, ldb, accumulate, c, ldc, workspace);
  } else if (4 * n <= g.lanes && m >= g.lanes) {
    multiply_narrow(g, ta, tb, m, n, k, a, lda, b, ldb, accumulate, c, ldc, workspace);
  } else {
    multiply_blocked(g, ta, tb, m, n, k, a, lda, b, ldb, accumulate, c, ldc, workspace);
  }
}

template <class T>
int64_t gemm_packed_size(const KernelTable<T>& table, int64_t k, int64_t n) {
  return k * round_up(n, panel_width(table.gemm));
}

template <class T>
void gemm_pack(const KernelTable<T>& table, bool tb, int64_t k, int64_t n, const T* b, int64_t ldb, T* packed) {
  const int64_t padded = round_up(n, panel_width(table.gemm));
  for (int64_t p = 0; p < k; p += gemm_k_block)
    pack_columns(table.gemm, tb, std::min(gemm_k_block, k - p), n, tb ? b + p : b + p * ldb, ldb, packed + p * padded);
}

template <class T>
void gemm_packed(const KernelTable<T>& table, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* packed,
                 bool accumulate, T* c, int64_t ldc, Workspace& workspace) {
  const GemmKernels<T>& g = table.gemm;
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (!accumulate) clear(m, n, c, ldc);
    return;
  }
  const int64_t width = panel_width(g), padded = round_up(n, width);
  T* const scratch = m == 1 ? nullptr : workspace.reserve<T>(std::min(m, row_block) * std::min(k, gemm_k_block));
  for (int64_t p = 0; p < k; p += gemm_k_block) {
    const int64_t depth = std::min(gemm_k_block, k - p);
    const Columns<T> columns{packed + p * padded, width, width * depth};
    for (int64_t i = 0; i < m; i += row_block) {
      const int64_t height = std::min(row_block, m - i);
      const T* const rows = pack_rows(g, false, height, depth, a + i * lda + p, lda, scratch);
      run_strips(g, height, n, depth, rows, columns, accumulate || p > 0, c + i * ldc, ldc);
    }
  }
}

template <class T>
void gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          bool accumulate, T* c, int64_t ldc, Workspace& workspace) {
  gemm(kernel_table<T>(), ta, tb, m, n, k, a, lda, b, ldb, accumulate, c, ldc, workspace);
}

template <class T>
int64_t gemm_packed_size(int64_t k, int64_t n) {
  return gemm_packed_size(kernel_table<T>(), k, n);
}

template <class T>
void gemm_pack(bool tb, int64_t k, int64_t n, const T* b, int64_t ldb, T* packed) {
  gemm_pack(kernel_table<T>(), tb, k, n, b, ldb, packed);
}

template <class T>
void gemm_packed(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* packed, bool accumulate, T* c,
                 int64_t ldc, Workspace& workspace) {
  gemm_packed(kernel_table<T>(), m, n, k, a, lda, packed, accumulate, c, ldc, workspace);
}

#define UNSPOOL_INSTANTIATE(T)                                                                                       \
  template void gemm(bool, bool, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, bool, T*, int64_t, \
                     Workspace&);                                                                                    \
  template int64_t gemm_packed_size<T>(int64_t, int64_t);                                                            \
  template void gemm_pack(bool, int64_t, int64_t, const T*, int64_t, T*);                                            \
  template void gemm_packed(int64_t, int64_t, int64_t, const T*, int64_t, const T*, bool, T*, int64_t, Workspace&);  \
  template void gemm(const KernelTable<T>&, bool, bool, int64_t, int64_t, int64_t, const T*, int64_t, const T*,      \
                     int64_t, bool, T*, int64_t, Workspace&);                                                        \
  template int64_t gemm_packed_size(const KernelTable<T>&, int64_t, int64_t);                                        \
  template void gemm_pack(const KernelTable<T>&, bool, int64_t, int64_t, const T*, int64_t, T*);                     \
  template void gemm_packed(const KernelTable<T>&, int64_t, int64_t, int64_t, const T*, int64_t, const T*, bool, T*, \
                            int64_t, Workspace&);
UNSPOOL_INSTANTIATE(float)
UNSPOOL_INSTANTIATE(double)
#undef UNSPOOL_INSTANTIATE

}  // namespace unspool::kernels
