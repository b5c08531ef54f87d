// Sums of probabilities kept as logarithms, always in double (or duals of them): what ctc_loss and crf_loss compute with
// for every scalar type W = Wide<T>. Over a thousand steps a float logarithm would have lost the digits that tell alignments apart.
#pragma once

#include <limits>

#include "ops/op.hpp"

namespace unspool {

/// The logarithm of probability 0.
inline constexpr double impossible = -std::numeric_limits<double>::infinity();

/// Scratch of `count` numbers that lives as long as a.temporary().
template <class W, class Args>
W* temporary_wide(const Args& a, std::int64_t count) {
  return static_cast<W*>(detail::temporary(a.call(), count * static_cast<std::int64_t>(sizeof(W))));
}

/// to[i] = log(exp(a[i]) + exp(b[i]) + exp(c[i])); `scratch` holds 4 n numbers.
template <class W>
void log_add(std::int64_t n, const W* a, const W* b, const W* c, W* scratch, W* to) {
  const auto& k = kernels::kernel_table<W>();
  W *const most = scratch, *const terms = scratch + n;
  k.maximum(n, a, b, most);
  k.maximum(n, most, c, most);
  // Three impossible terms: shifting them by their maximum would give NaN.
  for (std::int64_t i = 0; i < n; ++i) most[i] = most[i] == impossible ? W(0) : most[i];
  k.sub(n, a, most, terms);
  k.sub(n, b, most, terms + n);
  k.sub(n, c, most, terms + 2 * n);
  k.exp(3 * n, terms, terms);
  k.add(n, terms, terms + n, terms);
  k.add(n, terms, terms + 2 * n, terms);
  k.log(n, terms, terms);
  k.add(n, terms, most, to);
}

/// log(exp(a) + exp(b)).
template <class W>
W log_add(W a, W b) {
  const W most = a > b ? a : b, least = a > b ? b : a;
  return most == impossible ? most : most + maths::log1p(maths::exp(least - most));
}

}  // namespace unspool
