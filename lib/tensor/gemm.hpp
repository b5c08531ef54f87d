// The matrix product, C (=|+=) op(A) op(B), row-major.
//
// Arithmetic, for every element of C on every path (packed or not, one row or thousands): k is cut into pieces of
// gemm_chain(n, k); each is one chain of multiply-adds in k order that starts from zero, and their sums are added in
// order to what the product goes onto (the first one assigned where that is nothing). Neither m, leading dimensions,
// tile edges nor packing change that, so a row of C has the same bits whatever batch it stands in, and, where both
// sides have the same chains, C^T = B^T A^T holds to the bit.
// AVX2 and AVX-512 fuse each multiply-add and agree with each other; SSE2 and scalar round twice.
// The cut bounds the error of long sums (weight gradients over thousands of rows): it grows as k_block + k / k_block
// instead of k.
//
// As in BLAS, an infinity or NaN of A or B reaches C only through products that are really formed: when k is 0, C is
// zeroed or left alone.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "tensor/kernels.hpp"
#include "tensor/workspace.hpp"

namespace unspool::kernels {

inline constexpr std::int64_t gemm_k_block = 256;
/// The length of a chain of multiply-adds: gemm_k_block, or a quarter of k where columns are few. A recurrence at batch 1
/// waits for its one row: with a single chain each it would wait 4k cycles, and nothing else fills them.
constexpr std::int64_t gemm_chain(std::int64_t n, std::int64_t k) {
  return n <= 32 && k >= 32 && k <= 128 ? (k + 3) / 4 : gemm_k_block;
}
/// Up to this many rows a row-major B is read in place: packing it costs more than it saves.
inline constexpr std::int64_t gemm_direct_rows = 8;

/// What a product is added to: nothing (false), C itself (true), or a row, such as a bias, that stands for each of C's.
template <class T>
class Onto {
 public:
  Onto(bool accumulate) : accumulate_(accumulate) {}
  static Onto row(const T* values) {
    Onto onto(false);
    onto.row_ = values;
    return onto;
  }
  bool accumulates() const { return accumulate_; }
  const T* row() const { return row_; }  // null where there is none

 private:
  const T* row_ = nullptr;
  bool accumulate_;
};

/// C[m, n] (=|+=) op(A)[m, k] op(B)[k, n]; ta means A is stored [k, m], tb that B is stored [n, k]. C overlaps neither.
template <class T>
void gemm(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t lda, const T* b,
          std::int64_t ldb, std::type_identity_t<Onto<T>> onto, T* c, std::int64_t ldc, Workspace& workspace);

/// Of duals: three real products (gemm_dual.cpp). Their packed form is in gemm_dual.hpp.
template <>
void gemm(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, const Dual<double>* a, std::int64_t lda,
          const Dual<double>* b, std::int64_t ldb, Onto<Dual<double>> onto, Dual<double>* c, std::int64_t ldc,
          Workspace& workspace);

/// Elements that gemm_pack writes for op(B)[k, n]. 64-byte alignment of the buffer is best, any works.
template <class T>
std::int64_t gemm_packed_size(std::int64_t k, std::int64_t n);

/// Packs op(B)[k, n] once for many products; tb as in gemm. The layout belongs to the active instruction set and is
/// meant to live as long as the process at most.
/// Forward x W^T with W [n, k]: gemm_pack(true, k, n, W, k, ...). Backward delta W: gemm_pack(false, n, k, W, k, ...).
template <class T>
void gemm_pack(bool tb, std::int64_t k, std::int64_t n, const T* b, std::int64_t ldb, T* packed);

/// C[m, n] (=|+=) A[m, k] B with B from gemm_pack(.., k, n, ..). The bits are those of gemm.
template <class T>
void gemm_packed(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t lda, const T* packed,
                 std::type_identity_t<Onto<T>> onto, T* c, std::int64_t ldc, Workspace& workspace);

/// The right factor B[k, n] of a product, row-major, and where the product goes: C[m, n], without gaps.
template <class T>
struct RightFactor {
  std::int64_t n;
  const T* b;
  std::int64_t ldb;
  bool accumulate;
  T* c;
};

/// C (=|+=) op(A)[m, k] B for every right factor. The bits are those of gemm; A is packed once.
template <class T>
void gemm_same_left(bool ta, std::int64_t m, std::int64_t k, const T* a, std::int64_t lda,
                    std::span<const RightFactor<T>> factors, Workspace& workspace);

// The same with a given table, for tests and benchmarks.
template <class T>
void gemm_same_left(const KernelTable<T>& table, bool ta, std::int64_t m, std::int64_t k, const T* a, std::int64_t lda,
                    std::span<const RightFactor<T>> factors, Workspace& workspace);
template <class T>
void gemm(const KernelTable<T>& table, bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, const T* a,
          std::int64_t lda, const T* b, std::int64_t ldb, std::type_identity_t<Onto<T>> onto, T* c, std::int64_t ldc,
          Workspace& workspace);
template <class T>
std::int64_t gemm_packed_size(const KernelTable<T>& table, std::int64_t k, std::int64_t n);
template <class T>
void gemm_pack(const KernelTable<T>& table, bool tb, std::int64_t k, std::int64_t n, const T* b, std::int64_t ldb,
               T* packed);
template <class T>
void gemm_packed(const KernelTable<T>& table, std::int64_t m, std::int64_t n, std::int64_t k, const T* a,
                 std::int64_t lda, const T* packed, std::type_identity_t<Onto<T>> onto, T* c, std::int64_t ldc,
                 Workspace& workspace);

/// The plain triple loop with a double accumulator, for tests.
template <class T>
void gemm_reference(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t lda,
                    const T* b, std::int64_t ldb, bool accumulate, T* c, std::int64_t ldc);

/// The same product through xtensor-blas (cxxblas gemm, gemv for one row or column): the yardstick of tests and
/// benchmarks. Sizes must fit in 32 bits. Its bits depend on m.
template <class T>
void gemm_blas(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t lda,
               const T* b, std::int64_t ldb, bool accumulate, T* c, std::int64_t ldc);

}  // namespace unspool::kernels
