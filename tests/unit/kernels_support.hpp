// Shared by the kernel tests: which tables to test, seeded numbers, distances in units in the last place.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tensor/kernels.hpp"
#include "tensor/reference.hpp"

namespace unspool::kernels::test {

inline std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::scalar, Isa::sse2, Isa::avx2, Isa::avx512})
    if (isa_supported(isa)) isas.push_back(isa);
  return isas;
}

inline const std::vector<int64_t>& odd_sizes() {
  static const std::vector<int64_t> sizes = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 127, 1000};
  return sizes;
}

template <class T>
std::vector<T> uniform(int64_t n, std::uint32_t seed, double low = -1, double high = 1) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> distribution(low, high);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (T& v : values) v = static_cast<T>(distribution(engine));
  return values;
}

/// Distance of y from the exact result, in units in the last place of T there. Equal infinities and two NaNs are 0.
template <class T>
double ulps(T y, long double exact) {
  if (std::isnan(y) || std::isnan(exact)) return std::isnan(y) && std::isnan(exact) ? 0 : 1e30;
  const T rounded = static_cast<T>(exact);
  if (std::isinf(y) || std::isinf(rounded)) {
    if (y == rounded) return 0;
    // One side overflowed: count from the largest finite number.
    const T finite = std::isinf(y) ? std::copysign(std::numeric_limits<T>::max(), y) : y;
    exact = std::isinf(rounded) ? std::copysign(std::numeric_limits<T>::max(), rounded) : rounded;
    y = finite;
  }
  int exponent = 0;
  std::frexp(exact, &exponent);
  exponent = std::max(exponent, std::numeric_limits<T>::min_exponent);
  return static_cast<double>(std::fabs(static_cast<long double>(y) - exact) /
                             std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits));
}

/// Same value, or both NaN.
template <class T>
bool same(T a, T b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

/// |a - b| <= tolerance * epsilon * max(1, |b|), or same().
template <class T>
bool close(T a, T b, double tolerance) {
  const double scale = std::fmax(1.0, std::fabs(static_cast<double>(b)));
  return same(a, b) || std::fabs(static_cast<double>(a) - static_cast<double>(b)) <=
                           tolerance * static_cast<double>(std::numeric_limits<T>::epsilon()) * scale;
}

template <class T>
void check_close(const std::vector<T>& actual, const std::vector<T>& expected, double tolerance,
                 const std::string& what) {
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (!close(actual[i], expected[i], tolerance)) {
      CAPTURE(what);
      CAPTURE(i);
      CHECK(actual[i] == expected[i]);
      return;
    }
}

}  // namespace unspool::kernels::test
