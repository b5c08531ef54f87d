#include "tensor/orthogonal.hpp"

#include "tensor/xt.hpp"

namespace unspool::kernels {

void orthonormalize(std::int64_t rows, std::int64_t cols, double* matrix) {
  const bool wide = rows < cols;
  const std::int64_t tall = wide ? cols : rows;
  const std::int64_t narrow = wide ? rows : cols;
  const auto at = [&](std::int64_t i, std::int64_t j) -> double& { return matrix[wide ? j * cols + i : i * cols + j]; };

  xt::xarray<double, xt::layout_type::column_major> gaussian =
      xt::zeros<double>({static_cast<std::size_t>(tall), static_cast<std::size_t>(narrow)});
  for (std::int64_t i = 0; i < tall; ++i)
    for (std::int64_t j = 0; j < narrow; ++j) gaussian(i, j) = at(i, j);
  const auto [q, r] = xt::linalg::qr(gaussian);
  for (std::int64_t j = 0; j < narrow; ++j) {
    const double sign = r(j, j) < 0 ? -1.0 : 1.0;
    for (std::int64_t i = 0; i < tall; ++i) at(i, j) = sign * q(i, j);
  }
}

}  // namespace unspool::kernels
