// The SIMD tables of this build, one translation unit each. The argument only picks the overload.
#pragma once

#include "tensor/kernels.hpp"

namespace unspool::kernels::simd {

const KernelTable<float>& sse2_table(float);
const KernelTable<double>& sse2_table(double);
const KernelTable<float>& avx2_table(float);
const KernelTable<double>& avx2_table(double);
const KernelTable<float>& avx512_table(float);
const KernelTable<double>& avx512_table(double);

}  // namespace unspool::kernels::simd
