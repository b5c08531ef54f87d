#pragma once

#include <cstdint>

namespace unspool::kernels {

/// Solves a x = b for a symmetric positive definite a [n,n] and b [n,m], both row-major: b becomes x, a is used up. False
/// where a is not positive definite to rounding.
bool solve_positive(std::int64_t n, std::int64_t m, double* a, double* b);

}  // namespace unspool::kernels
