#include "tensor/cholesky.hpp"

#include <cmath>

namespace unspool::kernels {

// Cholesky's a = l l^T, row by row: rows of l are contiguous, and every inner loop is a product of two of them.
bool solve_positive(std::int64_t n, std::int64_t m, double* a, double* b) {
  for (std::int64_t i = 0; i < n; ++i) {
    double* const row = a + i * n;
    const double diagonal = row[i];
    for (std::int64_t j = 0; j <= i; ++j) {
      const double* const other = a + j * n;
      double sum = row[j];
      for (std::int64_t k = 0; k < j; ++k) sum -= row[k] * other[k];
      if (j < i) {
        row[j] = sum / other[j];
        continue;
      }
      // What is left of the diagonal is rounding error of what it was.
      if (!(sum > 1e-14 * diagonal)) return false;
      row[i] = std::sqrt(sum);
    }
  }
  for (std::int64_t i = 0; i < n; ++i) {
    double* const to = b + i * m;
    for (std::int64_t k = 0; k < i; ++k)
      for (std::int64_t c = 0; c < m; ++c) to[c] -= a[i * n + k] * b[k * m + c];
    for (std::int64_t c = 0; c < m; ++c) to[c] /= a[i * n + i];
  }
  for (std::int64_t i = n; i-- > 0;) {
    double* const to = b + i * m;
    for (std::int64_t k = i + 1; k < n; ++k)
      for (std::int64_t c = 0; c < m; ++c) to[c] -= a[k * n + i] * b[k * m + c];
    for (std::int64_t c = 0; c < m; ++c) to[c] /= a[i * n + i];
  }
  return true;
}

}  // namespace unspool::kernels
