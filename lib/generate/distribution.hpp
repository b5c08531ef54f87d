// Logits as log-probabilities in double, and the checks that every way of choosing from them shares.
#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "base/check.hpp"

namespace unspool::detail {

/// The logarithm of probability 0.
inline constexpr double impossible = -std::numeric_limits<double>::infinity();

/// The largest of the logits, and the lowest position where it stands. -infinity where nothing is possible. Throws
/// nonfinite for a NaN or +infinity.
struct Largest {
  double value = impossible;
  std::int64_t at = 0;
};
template <class T>
Largest largest_of(std::span<const T> logits, std::string_view op) {
  Largest most;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double logit = static_cast<double>(logits[i]);
    require(!std::isnan(logit) && logit != -impossible, ErrorCode::nonfinite, op,
            "logits must be numbers or -inf; logit {} is {}", i, logit);
    if (logit > most.value) most = {logit, static_cast<std::int64_t>(i)};
  }
  return most;
}

/// log_probs[i] = log softmax(logits)[i]; all -infinity where nothing is possible.
template <class T>
void log_softmax_of(std::span<const T> logits, double* log_probs, std::string_view op) {
  const double most = largest_of(logits, op).value;
  double sum = 0;
  for (const T logit : logits) sum += most == impossible ? 1 : std::exp(static_cast<double>(logit) - most);
  const double shift = most == impossible ? 0 : most + std::log(sum);
  for (std::size_t i = 0; i < logits.size(); ++i) log_probs[i] = static_cast<double>(logits[i]) - shift;
}

inline double log_add(double a, double b) {
  const double most = a > b ? a : b, least = a > b ? b : a;
  return most == impossible ? most : most + std::log1p(std::exp(least - most));
}

}  // namespace unspool::detail
