// Orthonormal factors, for the orthogonal initialiser.
#pragma once

#include <cstdint>

namespace unspool::kernels {

/// Replaces a rows x cols row-major Gaussian matrix by one with orthonormal columns (rows >= cols) or rows (rows <
/// cols): Q of its QR factorisation, times the signs of R's diagonal, which makes Q uniform (Mezzadri 2007, section 5).
void orthonormalize(std::int64_t rows, std::int64_t cols, double* matrix);

}  // namespace unspool::kernels
