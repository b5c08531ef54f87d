// Two other ways to the same product: the triple loop that is plainly right, and BLAS through xtensor-blas.
#include "tensor/gemm.hpp"
#include "tensor/xt.hpp"

namespace unspool::kernels {

using std::int64_t;

template <class T>
void gemm_reference(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
                    bool accumulate, T* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = accumulate ? c[i * ldc + j] : 0;
      for (int64_t p = 0; p < k; ++p)
        sum += double(ta ? a[p * lda + i] : a[i * lda + p]) * double(tb ? b[j * ldb + p] : b[p * ldb + j]);
      c[i * ldc + j] = static_cast<T>(sum);
    }
}

template <class T>
void gemm_blas(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
               bool accumulate, T* c, int64_t ldc) {
  using Index = xt::blas_index_t;
  const auto index = [](int64_t size) { return static_cast<Index>(size); };
  const auto transpose = [](bool t) { return t ? cxxblas::Trans : cxxblas::NoTrans; };
  const T one(1), beta(accumulate ? 1 : 0);
  if (m == 0 || n == 0) return;
  if (m == 1) {
    // C^T = op(B)^T op(A)^T with a single column; sgemm is seven times slower than sgemv here.
    cxxblas::gemv<Index>(cxxblas::RowMajor, transpose(!tb), index(tb ? n : k), index(tb ? k : n), one, b, index(ldb), a,
                         index(ta ? lda : 1), beta, c, 1);
  } else if (n == 1) {
    cxxblas::gemv<Index>(cxxblas::RowMajor, transpose(ta), index(ta ? k : m), index(ta ? m : k), one, a, index(lda), b,
                         index(tb ? 1 : ldb), beta, c, index(ldc));
  } else {
    cxxblas::gemm<Index>(cxxblas::RowMajor, transpose(ta), transpose(tb), index(m), index(n), index(k), one, a,
                         index(lda), b, index(ldb), beta, c, index(ldc));
  }
}

#define UNSPOOL_INSTANTIATE(T)                                                                                        \
  template void gemm_reference(bool, bool, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, bool, T*, \
                               int64_t);                                                                              \
  template void gemm_blas(bool, bool, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, bool, T*,      \
                          int64_t);
UNSPOOL_INSTANTIATE(float)
UNSPOOL_INSTANTIATE(double)
#undef UNSPOOL_INSTANTIATE

}  // namespace unspool::kernels
