// Comparing numbers: a value that says where two lists differ, and distances in units in the last place.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace unspool::test {

inline constexpr double inf = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Tolerance {
  double absolute = 0;
  double relative = 0;
};

/// Equal to rounding of a double sum.
inline constexpr Tolerance rounding{1e-12, 1e-12};
/// What numeric differences can confirm.
inline constexpr Tolerance differences{1e-7, 1e-5};
inline constexpr Tolerance exact{0, 0};

/// Two NaNs are close, and so are equal infinities.
inline bool close(double a, double b, Tolerance t = rounding) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= t.absolute + t.relative * std::abs(b);
}

/// Empty when all entries are close; else the first that is not. For CHECK(difference(a, b) == "").
template <class A, class B>
std::string difference(const A& given, const B& expected, Tolerance t = rounding) {
  if (std::size(given) != std::size(expected))
    return fmt::format("{} values, expected {}", std::size(given), std::size(expected));
  for (std::size_t i = 0; i < std::size(given); ++i)
    if (!close(static_cast<double>(given[i]), static_cast<double>(expected[i]), t))
      return fmt::format("[{}] is {}, expected {}", i, given[i], expected[i]);
  return "";
}

/// Number of representable values between a and b; 0 for equal ones, the largest count where one is NaN.
template <class T>
std::uint64_t ulp_distance(T a, T b) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  if (std::isnan(a) || std::isnan(b)) return ~std::uint64_t{0};
  const auto ordered = [](T x) -> std::int64_t {
    const Bits bits = std::bit_cast<Bits>(x);
    return bits >= 0 ? bits : std::numeric_limits<Bits>::min() - bits;
  };
  const std::int64_t from = ordered(a), to = ordered(b);
  return from < to ? static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from)
                   : static_cast<std::uint64_t>(from) - static_cast<std::uint64_t>(to);
}

template <class Range>
std::vector<double> doubles(const Range& range) {
  return std::vector<double>(range.begin(), range.end());
}

}  // namespace unspool::test
