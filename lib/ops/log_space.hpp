// Sums of probabilities kept as logarithms, always in double: what ctc_loss and crf_loss compute with for every scalar
// type. Over a thousand steps a float logarithm would have lost the digits that tell alignments apart.
#pragma once

#include <limits>

#include "ops/op.hpp"

namespace unspool {

/// The logarithm of probability 0.
inline constexpr double impossible = -std::numeric_limits<double>::infinity();

/// Scratch of `count` doubles that lives as long as a.temporary().
template <class Args>
double* temporary_doubles(const Args& a, std::int64_t count) {
  return static_cast<double*>(detail::temporary(a.call(), count * static_cast<std::int64_t>(sizeof(double))));
}

/// to[i] = log(exp(a[i]) + exp(b[i]) + exp(c[i])); `scratch` holds 4 n numbers.
inline void log_add(std::int64_t n, const double* a, const double* b, const double* c, double* scratch, double* to) {
  const auto& k = kernels::kernel_table<double>();
  double *const most = scratch, *const terms = scratch + n;
  k.maximum(n, a, b, most);
  k.maximum(n, most, c, most);
  // Three impossible terms: shifting them by their maximum would give NaN.
  for (std::int64_t i = 0; i < n; ++i) most[i] = most[i] == impossible ? 0 : most[i];
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
inline double log_add(double a, double b) {
  const double most = a > b ? a : b, least = a > b ? b : a;
  return most == impossible ? most : most + std::log1p(std::exp(least - most));
}

}  // namespace unspool
