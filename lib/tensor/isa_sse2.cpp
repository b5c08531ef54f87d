// The kernels for SSE2, which every x86-64 has. Compiled with flags of its own (meson.build): nothing but code
// templated on the instruction set may be defined here, see simd/batch.hpp.
#define xsimd unspool_xsimd_sse2
#define UNSPOOL_SIMD isa_sse2
#include "tensor/simd/make_table.hpp"

namespace unspool::kernels::simd {
namespace {
constexpr KernelTable<float> float_table = isa_sse2::make_table<xsimd::sse2, float>(Isa::sse2);
constexpr KernelTable<double> double_table = isa_sse2::make_table<xsimd::sse2, double>(Isa::sse2);
}  // namespace

const KernelTable<float>& sse2_table(float) { return float_table; }
const KernelTable<double>& sse2_table(double) { return double_table; }

}  // namespace unspool::kernels::simd
