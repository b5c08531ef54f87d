// Several products with one left factor, which is packed once for all of them.
#include "tensor/gemm_blocks.hpp"

namespace unspool::kernels {

using namespace blocks;

namespace {

/// All right factors are packed side by side and stay in the second-level cache, and every one is wide and tall enough
/// for the packed path. Otherwise nothing is won.
template <class T>
bool worth_sharing(const GemmKernels<T>& g, int64_t m, int64_t k, std::span<const RightFactor<T>> factors) {
  int64_t columns = 0, narrowest = INT64_MAX;
  for (const RightFactor<T>& f : factors) {
    columns += round_up(f.n, panel_width(g));
    narrowest = std::min(narrowest, f.n);
  }
  return factors.size() > 1 && k > 0 && m > gemm_direct_rows && 4 * narrowest > g.lanes &&
         columns * std::min(k, gemm_k_block) * int64_t{sizeof(T)} <= column_block_bytes;
}

}  // namespace

template <class T>
void gemm_same_left(const KernelTable<T>& table, bool ta, int64_t m, int64_t k, const T* a, int64_t lda,
                    std::span<const RightFactor<T>> factors, Workspace& workspace) {
  const GemmKernels<T>& g = table.gemm;
  if (!worth_sharing(g, m, k, factors)) {
    for (const RightFactor<T>& f : factors)
      gemm(table, ta, false, m, f.n, k, a, lda, f.b, f.ldb, f.accumulate, f.c, f.n, workspace);
    return;
  }
  const int64_t width = panel_width(g), k_most = std::min(k, gemm_k_block);
  const int64_t a_size = round_up(std::min(m, row_block) * k_most, 16);
  int64_t columns = 0;
  for (const RightFactor<T>& f : factors) columns += round_up(f.n, width);
  T* const packed_a = workspace.reserve<T>(a_size + columns * k_most);
  for (int64_t p = 0; p < k; p += gemm_k_block) {
    const int64_t depth = std::min(gemm_k_block, k - p);
    T* panels = packed_a + a_size;
    for (const RightFactor<T>& f : factors) {
      pack_columns(g, false, depth, f.n, f.b + p * f.ldb, f.ldb, panels);
      panels += round_up(f.n, width) * depth;
    }
    for (int64_t i = 0; i < m; i += row_block) {
      const int64_t height = std::min(row_block, m - i);
      const T* const rows = pack_rows(g, ta, height, depth, ta ? a + p * lda + i : a + i * lda + p, lda, packed_a);
      const T* panel = packed_a + a_size;
      for (const RightFactor<T>& f : factors) {
        run_strips(g, height, f.n, depth, gemm_chain(f.n, k), rows, Columns<T>{panel, width, width * depth},
                   Into<T>(f.c, f.n, f.accumulate).after(p).at(i, 0));
        panel += round_up(f.n, width) * depth;
      }
    }
  }
}

template <class T>
void gemm_same_left(bool ta, int64_t m, int64_t k, const T* a, int64_t lda, std::span<const RightFactor<T>> factors,
                    Workspace& workspace) {
  gemm_same_left(kernel_table<T>(), ta, m, k, a, lda, factors, workspace);
}

template <>
void gemm_same_left(bool ta, int64_t m, int64_t k, const Dual<double>* a, int64_t lda,
                    std::span<const RightFactor<Dual<double>>> factors, Workspace& workspace) {
  for (const RightFactor<Dual<double>>& f : factors)
    gemm(ta, false, m, f.n, k, a, lda, f.b, f.ldb, f.accumulate, f.c, f.n, workspace);
}

#define UNSPOOL_INSTANTIATE(T)                                                                             \
  template void gemm_same_left(bool, int64_t, int64_t, const T*, int64_t, std::span<const RightFactor<T>>, \
                               Workspace&);                                                                \
  template void gemm_same_left(const KernelTable<T>&, bool, int64_t, int64_t, const T*, int64_t,           \
                               std::span<const RightFactor<T>>, Workspace&);
UNSPOOL_INSTANTIATE(float)
UNSPOOL_INSTANTIATE(double)
#undef UNSPOOL_INSTANTIATE

}  // namespace unspool::kernels
