// Products by an operand's value: what rules call where a weight may be used again at the next step.
#pragma once

#include "tensor/gemm.hpp"
#include "unspool/extend.hpp"

namespace unspool::detail {

/// C[m, n] (=|+=) op(A)[m, k] op(B)[k, n], all contiguous, where b is the whole value of operand `operand`. From its
/// second use on a parameter is packed once for the recording; the bits are those of kernels::gemm.
template <class T>
void multiply(const Call& call, int operand, bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k,
              const T* a, const T* b, std::type_identity_t<kernels::Onto<T>> onto, T* c);

}  // namespace unspool::detail
