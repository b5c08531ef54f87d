#include "tape/multiply.hpp"

#include "tape/tape_core.hpp"
#include "tensor/gemm_blocks.hpp"
#include "tensor/gemm_dual.hpp"

namespace unspool::detail {

using kernels::blocks::run_single_row;

namespace {

// Packing is 1/m of the product's work: with this many rows it is lost in the noise, and memory is worth more.
constexpr std::int64_t most_rows = 256;

}  // namespace

template <class T>
void multiply(const Call& call, int operand, bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k,
              const T* a, const T* b, std::type_identity_t<kernels::Onto<T>> onto, T* c) {
  TapeCore& tape = *call.tape;
  const bool in_place = RealScalar<T> && !tb && m <= kernels::gemm_direct_rows;
  const Node& weight = tape.node(call.node->inputs()[operand]);
  const T* packed = nullptr;
  if (!ta && !in_place && m <= most_rows && k > 0 && weight.has(flag::parameter))
    packed = tape.packed_weights().find(weight.leaf, tb, k, n, b);
  if constexpr (RealScalar<T>)
    if (m == 1 && !ta && run_single_row<T>(kernels::kernel_table<T>().gemm, tb, n, k, a, b, packed, {c, n, onto}))
      return;
  if (packed != nullptr) return kernels::gemm_packed<T>(m, n, k, a, k, packed, onto, c, n, tape.workspace());
  kernels::gemm<T>(ta, tb, m, n, k, a, ta ? m : k, b, tb ? k : n, onto, c, n, tape.workspace());
}

template void multiply(const Call&, int, bool, bool, std::int64_t, std::int64_t, std::int64_t, const float*,
                       const float*, kernels::Onto<float>, float*);
template void multiply(const Call&, int, bool, bool, std::int64_t, std::int64_t, std::int64_t, const double*,
                       const double*, kernels::Onto<double>, double*);
template void multiply(const Call&, int, bool, bool, std::int64_t, std::int64_t, std::int64_t, const Dual<double>*,
                       const Dual<double>*, kernels::Onto<Dual<double>>, Dual<double>*);

}  // namespace unspool::detail
