// The kernels for AVX-512 (F, DQ, BW, VL). Compiled with flags of its own (meson.build): nothing but code
// templated on the instruction set may be defined here, see simd/batch.hpp.
#define xsimd unspool_xsimd_avx512
#define UNSPOOL_SIMD isa_avx512
#include "tensor/simd/make_table.hpp"

namespace unspool::kernels::simd {
namespace {
constexpr KernelTable<float> float_table = isa_avx512::make_table<xsimd::avx512bw, float>(Isa::avx512);
constexpr KernelTable<double> double_table = isa_avx512::make_table<xsimd::avx512bw, double>(Isa::avx512);
}  // namespace

const KernelTable<float>& avx512_table(float) { return float_table; }
const KernelTable<double>& avx512_table(double) { return double_table; }

}  // namespace unspool::kernels::simd
