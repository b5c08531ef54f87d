#include "tensor/spectral.hpp"

#include <algorithm>
#include <cmath>
#include <complex>

#include "tensor/xt.hpp"

namespace unspool::kernels {

double spectral_radius(std::int64_t n, const double* matrix) {
  // A matrix has the eigenvalues of its transpose, so that row-major may be read as column-major.
  xt::xarray<double, xt::layout_type::column_major> a =
      xt::zeros<double>({static_cast<std::size_t>(n), static_cast<std::size_t>(n)});
  std::copy(matrix, matrix + n * n, a.data());
  double largest = 0, norm = 0;
  for (std::int64_t i = 0; i < n * n; ++i) norm += matrix[i] * matrix[i];
  const xt::xarray<std::complex<double>> eigenvalues = xt::linalg::eigvals(a);
  for (const std::complex<double>& value : eigenvalues) largest = std::max(largest, std::abs(value));
  // The eigenvalues of a nilpotent matrix come out as roots of rounding errors: eps^(1/k) for a chain of k.
  return largest > 1e-3 * std::sqrt(norm / static_cast<double>(n)) ? largest : 0;
}

}  // namespace unspool::kernels
