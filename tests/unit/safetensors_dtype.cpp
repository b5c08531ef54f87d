// Sizes and conversions of the format's element types.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "files/dtype.hpp"

using namespace unspool;
using namespace unspool::detail;

namespace {

template <class T, class Stored>
std::vector<T> converted(const char* dtype, std::vector<Stored> stored) {
  std::vector<T> out(stored.size());
  convert<T>(*find_dtype(dtype), std::as_bytes(std::span(stored)), out);
  return out;
}

// The value by the definition of the format, with none of the bit tricks of the code.
double by_definition(unsigned bits, int exponent_bits, int fraction_bits) {
  const double sign = bits >> (exponent_bits + fraction_bits) & 1 ? -1 : 1;
  const int exponent = static_cast<int>(bits >> fraction_bits & ((1u << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double fraction = std::ldexp(bits & ((1u << fraction_bits) - 1), -fraction_bits);
  if (exponent == (1 << exponent_bits) - 1) return fraction == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

}  // namespace

TEST_CASE("every F16 and every BF16 becomes exactly its value") {
  int wrong = 0;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto stored = static_cast<std::uint16_t>(bits);
    wrong += !same(half_to_float(stored), by_definition(bits, 5, 10));
    wrong += !same(bfloat_to_float(stored), by_definition(bits, 8, 7));
  }
  CHECK(wrong == 0);
  CHECK(converted<double, std::uint16_t>("F16", {0x3C00, 0x0001, 0xFBFF}) == std::vector<double>{1, 0x1p-24, -65504});
  CHECK(converted<float, std::uint16_t>("BF16", {0x3F80, 0xC040}) == std::vector<float>{1, -3});
}

TEST_CASE("float to double is exact; double to float rounds to nearest even and overflows to infinity") {
  const float tiny = std::numeric_limits<float>::denorm_min();
  CHECK(converted<double, float>("F32", {0.1f, tiny, -0.0f}) ==
        std::vector<double>{static_cast<double>(0.1f), 0x1p-149, -0.0});
  CHECK(converted<float, double>("F64", {0.1, 1 + 0x1p-24, 1 + 0x3p-24, 0x1p-150, 1e300, -1e300}) ==
        std::vector<float>{0.1f, 1, 1 + 0x1p-22f, 0, INFINITY, -INFINITY});
  CHECK(std::isnan(converted<float, double>("F64", {NAN})[0]));
  CHECK(converted<double, double>("F64", {0.1, 1e300}) == std::vector<double>{0.1, 1e300});
}

TEST_CASE("bytes of a count: whole bytes only, and no overflow") {
  const Dtype f64 = *find_dtype("F64"), f6 = *find_dtype("F6_E2M3"), f4 = *find_dtype("F4");
  CHECK(dtype_bytes(f64, 0) == 0);
  CHECK(dtype_bytes(f64, 3) == 24);
  CHECK(dtype_bytes(f64, ~0ull / 8) == ~0ull - 7);
  CHECK_FALSE(dtype_bytes(f64, ~0ull / 8 + 1));
  CHECK(dtype_bytes(f6, 4) == 3);
  CHECK_FALSE(dtype_bytes(f6, 3));
  CHECK(dtype_bytes(f6, 12) == 9);
  CHECK(dtype_bytes(f4, 6) == 3);
  CHECK_FALSE(dtype_bytes(f4, 7));
  CHECK(dtype_bytes(f4, ~0ull - 1) == ~0ull / 2);
}
