#pragma once

#include <cstdint>

namespace unspool::kernels {

/// The largest magnitude of an eigenvalue of a row-major [n,n] matrix, n above 0. What is below rounding error of the
/// matrix's own size is 0.
double spectral_radius(std::int64_t n, const double* matrix);

}  // namespace unspool::kernels
