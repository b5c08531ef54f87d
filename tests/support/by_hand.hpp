// Equations of cells in scalars, straight from the papers, for tests that compute a step by hand.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace unspool::test {

inline double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

/// Row `row` of W times x, for W row-major with x.size() columns.
inline double row_times(std::span<const double> W, std::int64_t row, const std::vector<double>& x) {
  return std::inner_product(x.begin(), x.end(), W.begin() + row * std::ssize(x), 0.0);
}

/// W x.
inline std::vector<double> product(std::span<const double> W, const std::vector<double>& x) {
  std::vector<double> y(W.size() / x.size());
  for (std::size_t r = 0; r < y.size(); ++r) y[r] = row_times(W, static_cast<std::int64_t>(r), x);
  return y;
}

inline std::vector<double> plus(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

/// Layer normalisation by its definition.
inline std::vector<double> normalized(std::vector<double> x, const std::vector<double>& gain,
                                      const std::vector<double>& shift) {
  const double n = static_cast<double>(x.size()), mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double variance = 0;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * gain[i] + shift[i];
  return x;
}

}  // namespace unspool::test
