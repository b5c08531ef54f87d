// Softmax along an axis that is not the last: the elements of one distribution are `after` apart, so whole rows of
// `after` numbers are worked on together and the passes stay as long as the memory allows.
#pragma once

#include "ops/op.hpp"

namespace unspool {

/// y[e, c] = x[e, c] - max over e of x[e, c]; `most` is scratch of `after` numbers.
template <class T>
void subtract_column_max(std::int64_t extent, std::int64_t after, const T* x, T* y, T* most) {
  const auto& k = kernels::kernel_table<T>();
  k.fill(after, static_cast<T>(-HUGE_VAL), most);
  for (std::int64_t e = 0; e < extent; ++e) k.maximum(after, most, x + e * after, most);
  for (std::int64_t e = 0; e < extent; ++e) k.sub(after, x + e * after, most, y + e * after);
}

/// sums[c] = sum over e of x[e, c].
template <class T>
void column_sums(std::int64_t extent, std::int64_t after, const T* x, T* sums) {
  kernels::kernel_table<T>().column_sums(extent, after, x, after, sums, false);
}

}  // namespace unspool
