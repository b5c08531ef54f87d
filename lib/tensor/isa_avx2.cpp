// The kernels for AVX2 with fused multiply-add. Compiled with flags of its own (meson.build): nothing but code
// templated on the instruction set may be defined here, see simd/batch.hpp.
#define xsimd unspool_xsimd_avx2
#define UNSPOOL_SIMD isa_avx2
#include "tensor/simd/make_table.hpp"

namespace unspool::kernels::simd {
namespace {
constexpr KernelTable<float> float_table = isa_avx2::make_table<xsimd::fma3<xsimd::avx2>, float>(Isa::avx2);
constexpr KernelTable<double> double_table = isa_avx2::make_table<xsimd::fma3<xsimd::avx2>, double>(Isa::avx2);
}  // namespace

const KernelTable<float>& avx2_table(float) { return float_table; }
const KernelTable<double>& avx2_table(double) { return double_table; }

}  // namespace unspool::kernels::simd
