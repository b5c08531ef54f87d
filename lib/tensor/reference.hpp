// Every kernel as the shortest loop that is plainly right, on <cmath>. It is the table of machines without a SIMD one,
// and what the tests compare each SIMD table with.
#pragma once

#include "tensor/kernels.hpp"

namespace unspool::kernels {

template <class T>
const KernelTable<T>& reference_table();

/// The kernels of duals on those of doubles (dual_table.cpp).
const KernelTable<Dual<double>>& dual_table();

}  // namespace unspool::kernels
