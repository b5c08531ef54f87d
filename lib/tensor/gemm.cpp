// The product, packed on the way or before, by what its sizes are.
#include "tensor/gemm.hpp"

#include "tensor/gemm_blocks.hpp"

namespace unspool::kernels {

using namespace blocks;

namespace {

/// The product of nothing.
template <class T>
void add_zero(int64_t m, int64_t n, Into<T> into) {
  if (into.from == into.c) return;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      into.c[i * into.ldc + j] = into.from == nullptr ? T(0) : into.from[i * into.ld_from + j];
}

/// One k block with a row-major B read in place; only the columns of a partial last vector are packed.
template <class T>
void multiply_in_place(const GemmKernels<T>& g, int64_t m, int64_t n, int64_t k, int64_t chain, const T* a, const T* b,
                       int64_t ldb, Into<T> into, T* tail) {
  const int64_t whole = n & -int64_t{g.lanes};
  if (whole > 0) run_strips(g, m, whole, k, chain, a, Columns<T>{b, ldb, panel_width(g)}, into);
  if (whole < n) {
    g.pack_b(false, k, n - whole, b + whole, ldb, tail);
    run_strips(g, m, n - whole, k, chain, a, Columns<T>{tail, panel_width(g), 0}, into.at(0, whole));
  }
}

/// Many rows, few columns: computed as C^T = op(B)^T op(A)^T with C's chains, so that vectors run along m.
template <class T>
void multiply_narrow(const GemmKernels<T>& g, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a,
                     int64_t lda, const T* b, int64_t ldb, Into<T> into, Workspace& workspace) {
  const int64_t width = panel_width(g), k_most = std::min(k, gemm_k_block), chain = gemm_chain(n, k);
  T* const left = workspace.reserve<T>(round_up(n * k_most, 16) + round_up(width * k_most, 16) + n * width);
  T* const panel = left + round_up(n * k_most, 16);
  T* const product = panel + round_up(width * k_most, 16);
  for (int64_t p = 0; p < k; p += gemm_k_block) {
    const int64_t depth = std::min(gemm_k_block, k - p);
    const T* const rows = pack_rows(g, !tb, n, depth, tb ? b + p : b + p * ldb, ldb, left);
    for (int64_t i = 0; i < m; i += width) {
      const int64_t columns = std::min(width, m - i);
      g.pack_b(!ta, depth, columns, ta ? a + p * lda + i : a + i * lda + p, lda, panel);
      const Into<T> to = into.after(p).at(i, 0);
      for (int64_t r = 0; r < columns && to.from != nullptr; ++r)
        for (int64_t j = 0; j < n; ++j) product[j * width + r] = to.from[r * to.ld_from + j];
      run_strips(g, n, columns, depth, chain, rows, Columns<T>{panel, width, 0},
                 Into<T>(product, width, to.from != nullptr));
      for (int64_t r = 0; r < columns; ++r)
        for (int64_t j = 0; j < n; ++j) to.c[r * to.ldc + j] = product[j * width + r];
    }
  }
}

/// One row of A, already its own packed form, and a row-major B.
template <class T>
void multiply_row(const GemmKernels<T>& g, int64_t n, int64_t k, const T* a, const T* b, int64_t ldb, Into<T> into,
                  Workspace& workspace) {
  const int64_t width = panel_width(g), chain = gemm_chain(n, k);
  const bool whole = (n & (g.lanes - 1)) == 0;
  T* const tail = whole ? nullptr : workspace.reserve<T>(width * std::min(k, gemm_k_block));
  for (int64_t p = 0; p < k; p += gemm_k_block)
    multiply_in_place(g, 1, n, std::min(gemm_k_block, k - p), chain, a + p, b + p * ldb, ldb, into.after(p), tail);
}

template <class T>
void multiply_blocked(const GemmKernels<T>& g, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a,
                      int64_t lda, const T* b, int64_t ldb, Into<T> into, Workspace& workspace) {
  const int64_t k_most = std::min(k, gemm_k_block), m_most = std::min(m, row_block), width = panel_width(g);
  const int64_t chain = gemm_chain(n, k);
  const bool in_place = !tb && m <= gemm_direct_rows;
  // With few rows a packed strip is used once, straight away: keep it small and close.
  const int64_t wanted = m <= 2 * g.max_rows ? g.strip_vectors[RowTiles(m_most, g.max_rows).tallest()] * g.lanes
                                             : column_block_bytes / (k_most * int64_t{sizeof(T)});
  const int64_t n_block = std::min(round_up(n, width), std::max(width, wanted / width * width));
  T* const packed_a = workspace.reserve<T>(round_up(m_most * k_most, 16) + (in_place ? width : n_block) * k_most);
  T* const packed_b = packed_a + round_up(m_most * k_most, 16);

  for (int64_t p = 0; p < k; p += gemm_k_block) {
    const int64_t depth = std::min(gemm_k_block, k - p);
    const Into<T> to = into.after(p);
    if (in_place) {
      const T* const rows = pack_rows(g, ta, m, depth, ta ? a + p * lda : a + p, lda, packed_a);
      multiply_in_place(g, m, n, depth, chain, rows, b + p * ldb, ldb, to, packed_b);
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
        run_strips(g, height, columns, depth, chain, rows, Columns<T>{packed_b, width, width * depth}, to.at(i, j));
      }
    }
  }
}

}  // namespace

template <class T>
void gemm(const KernelTable<T>& table, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
          const T* b, int64_t ldb, std::type_identity_t<Onto<T>> onto, T* c, int64_t ldc, Workspace& workspace) {
  const GemmKernels<T>& g = table.gemm;
  const Into<T> into(c, ldc, onto);
  if (m == 0 || n == 0) return;
  if (k == 0) {
    add_zero(m, n, into);
  } else if (m == 1 && !tb && (!ta || lda == 1)) {
    multiply_row(g, n, k, a, b, ldb, into, workspace);
  } else if (4 * n <= g.lanes && m >= g.lanes) {
    multiply_narrow(g, ta, tb, m, n, k, a, lda, b, ldb, into, workspace);
  } else {
    multiply_blocked(g, ta, tb, m, n, k, a, lda, b, ldb, into, workspace);
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
                 std::type_identity_t<Onto<T>> onto, T* c, int64_t ldc, Workspace& workspace) {
  const GemmKernels<T>& g = table.gemm;
  const Into<T> into(c, ldc, onto);
  if (m == 0 || n == 0) return;
  if (k == 0) return add_zero(m, n, into);
  const int64_t width = panel_width(g), chain = gemm_chain(n, k);
  if (m == 1 && run_single_row<T>(g, false, n, k, a, nullptr, packed, into)) return;
  const int64_t padded = round_up(n, width);
  T* const scratch = m == 1 ? nullptr : workspace.reserve<T>(std::min(m, row_block) * std::min(k, gemm_k_block));
  for (int64_t p = 0; p < k; p += gemm_k_block) {
    const int64_t depth = std::min(gemm_k_block, k - p);
    const Columns<T> columns{packed + p * padded, width, width * depth};
    for (int64_t i = 0; i < m; i += row_block) {
      const int64_t height = std::min(row_block, m - i);
      const T* const rows = pack_rows(g, false, height, depth, a + i * lda + p, lda, scratch);
      run_strips(g, height, n, depth, chain, rows, columns, into.after(p).at(i, 0));
    }
  }
}

template <class T>
void gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          std::type_identity_t<Onto<T>> onto, T* c, int64_t ldc, Workspace& workspace) {
  gemm(kernel_table<T>(), ta, tb, m, n, k, a, lda, b, ldb, onto, c, ldc, workspace);
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
void gemm_packed(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* packed,
                 std::type_identity_t<Onto<T>> onto, T* c, int64_t ldc, Workspace& workspace) {
  gemm_packed(kernel_table<T>(), m, n, k, a, lda, packed, onto, c, ldc, workspace);
}

#define UNSPOOL_INSTANTIATE(T)                                                                                         \
  template void gemm(bool, bool, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, Onto<T>, T*,         \
                     int64_t, Workspace&);                                                                             \
  template int64_t gemm_packed_size<T>(int64_t, int64_t);                                                              \
  template void gemm_pack(bool, int64_t, int64_t, const T*, int64_t, T*);                                              \
  template void gemm_packed(int64_t, int64_t, int64_t, const T*, int64_t, const T*, Onto<T>, T*, int64_t, Workspace&); \
  template void gemm(const KernelTable<T>&, bool, bool, int64_t, int64_t, int64_t, const T*, int64_t, const T*,        \
                     int64_t, Onto<T>, T*, int64_t, Workspace&);                                                       \
  template int64_t gemm_packed_size(const KernelTable<T>&, int64_t, int64_t);                                          \
  template void gemm_pack(const KernelTable<T>&, bool, int64_t, int64_t, const T*, int64_t, T*);                       \
  template void gemm_packed(const KernelTable<T>&, int64_t, int64_t, int64_t, const T*, int64_t, const T*, Onto<T>,    \
                            T*, int64_t, Workspace&);
UNSPOOL_INSTANTIATE(float)
UNSPOOL_INSTANTIATE(double)
#undef UNSPOOL_INSTANTIATE

}  // namespace unspool::kernels
