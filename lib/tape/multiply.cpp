#include "tape/multiply.hpp"

#include "tape/tape_core.hpp"
#include "tensor/gemm_dual.hpp"

namespace unspool::detail {
namespace {

// Packing is 1/m of the product's work: with this many rows it is lost in the noise, and memory is worth more.
constexpr std::int64_t most_rows = 256;

}  // namespace

template <class T>
void multiply(const Call& call, int operand, bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k,
              const T* a, const T* b, bool accumulate, T* c) {
  TapeCore& tape = *call.tape;
  const bool in_place = RealScalar<T> && !tb && m <= kernels::gemm_direct_rows;
  const Node& weight = tape.node(call.node->inputs()[operand]);
  if (!ta && !in_place && m <= most_rows && k > 0 && weight.has(flag::parameter)) {
    const T* packed = tape.packed_weights().find(weight.leaf, tb, k, n, b);
    if (packed != nullptr) return kernels::gemm_packed<T>(m, n, k, a, k, packed, accumulate, c, n, tape.workspace());
  }
  kernels::gemm<T>(ta, tb, m, n, k, a, ta ? m : k, b, tb ? k : n, accumulate, c, n, tape.workspace());
}

template void multiply(const Call&, int, bool, bool, std::int64_t, std::int64_t, std::int64_t, const float*,
                       const float*, bool, float*);
template void multiply(const Call&, int, bool, bool, std::int64_t, std::int64_t, std::int64_t, const double*,
                       const double*, bool, double*);
template void multiply(const Call&, int, bool, bool, std::int64_t, std::int64_t, std::int64_t, const Dual<double>*,
                       const Dual<double>*, bool, Dual<double>*);

}  // namespace unspool::detail
