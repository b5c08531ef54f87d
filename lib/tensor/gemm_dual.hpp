// A matrix of duals packed once for many products: both planes in the packed form of doubles, behind a cache line that says
// whether there are any tangents. The bits are those of the product without packing.
#pragma once

#include "tensor/gemm.hpp"

namespace unspool::kernels {

template <>
std::int64_t gemm_packed_size<Dual<double>>(std::int64_t k, std::int64_t n);

/// Throws std::bad_alloc: the planes need scratch of their own.
template <>
void gemm_pack(bool tb, std::int64_t k, std::int64_t n, const Dual<double>* b, std::int64_t ldb, Dual<double>* packed);

template <>
void gemm_packed(std::int64_t m, std::int64_t n, std::int64_t k, const Dual<double>* a, std::int64_t lda,
                 const Dual<double>* packed, Onto<Dual<double>> onto, Dual<double>* c, std::int64_t ldc,
                 Workspace& workspace);

}  // namespace unspool::kernels
