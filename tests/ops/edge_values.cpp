// Every elementwise op of one operand, compared with long double where doubles are at their limits: zeros, subnormals,
// huge numbers, infinities, NaN, and wherever an op changes its form.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "support/elementwise.hpp"

namespace us = unspool;
using namespace unspool::test;

namespace {

using Exact = long double;

constexpr Exact infinity = std::numeric_limits<Exact>::infinity();

template <class T>
struct Case {
  const char* name;
  us::Var<T> (*op)(const us::Var<T>&);
  Exact (*exact)(Exact);
  bool keeps_zero_sign = false;
  double more_ulps = 0;        // further error allowed
  double subnormal_slack = 0;  // and in units of the smallest subnormal
};

Exact exact_sigmoid(Exact x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
Exact exact_softplus(Exact x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
Exact exact_gelu(Exact x) { return x == -infinity ? -0.0L : x * std::erfc(-x / std::numbers::sqrt2_v<Exact>) / 2; }

// Constants are such that float, double and long double hold the same number.
template <class T>
std::vector<Case<T>> cases() {
  using V = us::Var<T>;
  return {
      {"abs", [](const V& x) { return abs(x); }, [](Exact x) { return std::abs(x); }, true},
      {"add_scalar", [](const V& x) { return x + 1.5; }, [](Exact x) { return x + 1.5L; }},
      {"clamp", [](const V& x) { return clamp(x, -1, 2); }, [](Exact x) { return x < -1  ? -1
                                                                                 : x > 2 ? 2
                                                                                         : x; }, true},
      {"cos", [](const V& x) { return cos(x); }, [](Exact x) { return std::cos(x); }},
      {"detach", [](const V& x) { return detach(x); }, [](Exact x) { return x; }, true},
      {"div_scalar", [](const V& x) { return x / 3.0; }, [](Exact x) { return x / 3; }, true},
      {"elu", [](const V& x) { return elu(x, 1.5); }, [](Exact x) { return x > 0 ? x : 1.5L * std::expm1(x); }, true},
      {"exp", [](const V& x) { return exp(x); }, [](Exact x) { return std::exp(x); }},
      {"expm1", [](const V& x) { return expm1(x); }, [](Exact x) { return std::expm1(x); }, true},
      // erfc has an error of its own; a subnormal one has few digits, and x multiplies what they lack.
      {"gelu", [](const V& x) { return gelu(x); }, exact_gelu, true, 2, 20},
      {"leaky_relu", [](const V& x) { return leaky_relu(x, 0.125); }, [](Exact x) { return x > 0 ? x : x / 8; }, true},
      {"log", [](const V& x) { return log(x); }, [](Exact x) { return std::log(x); }},
      {"log1p", [](const V& x) { return log1p(x); }, [](Exact x) { return std::log1p(x); }, true},
      {"mul_scalar", [](const V& x) { return x * 3.0; }, [](Exact x) { return x * 3; }, true},
      {"neg", [](const V& x) { return -x; }, [](Exact x) { return -x; }, true},
      {"pow_scalar 0", [](const V& x) { return pow(x, 0); }, [](Exact x) { return std::pow(x, 0.0L); }},
      {"pow_scalar 1", [](const V& x) { return pow(x, 1); }, [](Exact x) { return std::pow(x, 1.0L); }, true},
      {"pow_scalar 2", [](const V& x) { return pow(x, 2); }, [](Exact x) { return std::pow(x, 2.0L); }, true},
      {"pow_scalar 3", [](const V& x) { return pow(x, 3); }, [](Exact x) { return std::pow(x, 3.0L); }, true},
      {"pow_scalar -1", [](const V& x) { return pow(x, -1); }, [](Exact x) { return std::pow(x, -1.0L); }, true},
      {"pow_scalar 1/2", [](const V& x) { return pow(x, 0.5); }, [](Exact x) { return std::pow(x, 0.5L); }, true},
      {"pow_scalar -3/2", [](const V& x) { return pow(x, -1.5); }, [](Exact x) { return std::pow(x, -1.5L); }, true},
      {"rdiv_scalar", [](const V& x) { return 3.0 / x; }, [](Exact x) { return 3 / x; }, true},
      {"relu", [](const V& x) { return relu(x); }, [](Exact x) { return x < 0 ? 0 : x; }},
      {"rsub_scalar", [](const V& x) { return 1.5 - x; }, [](Exact x) { return 1.5L - x; }},
      {"sigmoid", [](const V& x) { return sigmoid(x); }, exact_sigmoid},
      {"sin", [](const V& x) { return sin(x); }, [](Exact x) { return std::sin(x); }, true},
      {"softplus", [](const V& x) { return softplus(x); }, exact_softplus},
      {"softplus beta 4", [](const V& x) { return softplus(x, 4); }, [](Exact x) { return exact_softplus(4 * x) / 4; }},
      {"sqrt", [](const V& x) { return sqrt(x); }, [](Exact x) { return std::sqrt(x); }, true},
      {"square", [](const V& x) { return square(x); }, [](Exact x) { return x * x; }},
      {"tanh", [](const V& x) { return tanh(x); }, [](Exact x) { return std::tanh(x); }, true},
  };
}

template <class T>
std::vector<T> edge_points() {
  using Limits = std::numeric_limits<T>;
  const T pi = std::numbers::pi_v<T>;
  std::vector<T> points = {0,
                           Limits::denorm_min(),
                           3 * Limits::denorm_min(),
                           Limits::min() / 2,
                           Limits::min(),
                           Limits::epsilon() / 4,
                           Limits::epsilon(),
                           T(1e-9),
                           T(1e-5),
                           T(0.125),
                           T(0.3),
                           T(0.5),
                           T(0.75),
                           std::nextafter(T(1), T(0)),
                           1,
                           std::nextafter(T(1), T(2)),
                           T(1.5),
                           2,
                           T(2.5),
                           pi / 2,
                           pi,
                           3,
                           4,
                           5,
                           7,
                           T(8.5),
                           9,
                           10,
                           13,
                           16,
                           T(16.7),
                           17,
                           19,
                           T(19.1),
                           20,
                           22,
                           26,
                           T(27.2),
                           T(30.5),
                           36,
                           T(36.8),
                           37,
                           T(37.5),
                           38,
                           T(38.4),
                           T(38.6),
                           40,
                           45,
                           64,
                           87,
                           T(87.4),
                           88,
                           T(88.7),
                           T(88.8),
                           89,
                           103,
                           T(103.9),
                           104,
                           105,
                           107,
                           300,
                           708,
                           T(708.5),
                           709,
                           T(709.7),
                           T(709.8),
                           710,
                           744,
                           745,
                           T(745.2),
                           746,
                           750,
                           1e3,
                           1e5,
                           T(3e7),
                           T(1e10),
                           T(1e15),
                           T(1e20),
                           T(1e30),
                           std::sqrt(Limits::max()),
                           Limits::max() / 4,
                           Limits::max(),
                           Limits::infinity()};
  // And a sweep through all exponents, with mantissas that follow no pattern.
  T mantissa = T(1.37);
  for (int e = Limits::min_exponent - Limits::digits; e < Limits::max_exponent; e += Limits::max_exponent / 100) {
    points.push_back(std::ldexp(mantissa, e));
    mantissa = mantissa * T(1.17) < 2 ? mantissa * T(1.17) : mantissa * T(0.61);
  }
  // Multiples of pi are where a careless sine loses its digits.
  for (int k = 1; k < 20; ++k) points.push_back(static_cast<T>(k) * pi / 2);
  const std::size_t positive = points.size();
  for (std::size_t i = 0; i < positive; ++i) points.push_back(-points[i]);
  points.push_back(Limits::quiet_NaN());
  return points;
}

/// The distance between neighbouring numbers of type T at x.
template <class T>
Exact spacing(Exact x) {
  const int exponent = x == 0 ? std::numeric_limits<T>::min_exponent : std::ilogb(x) + 1;
  return std::ldexp(Exact{1},
                    std::max(exponent, std::numeric_limits<T>::min_exponent) - std::numeric_limits<T>::digits);
}

template <class T>
bool close(T given, Exact exact, double ulps, double slack, bool zero_sign) {
  const T rounded = static_cast<T>(exact);
  if (std::isnan(exact)) return std::isnan(given);
  if (given == rounded) return exact != 0 || !zero_sign || std::signbit(given) == std::signbit(exact);
  if (!std::isfinite(given) && !std::isfinite(rounded)) return false;
  const Exact largest = std::numeric_limits<T>::max();
  const Exact value = std::isfinite(given) ? Exact{given} : std::copysign(largest + spacing<T>(largest), Exact{given});
  return std::abs(value - exact) <= ulps * spacing<T>(exact) + slack * Exact{std::numeric_limits<T>::denorm_min()};
}

template <class T>
void check_all(double ulps) {
  const std::vector<T> points = edge_points<T>();
  for (const Case<T>& c : cases<T>()) {
    const std::vector<T> given = values_of(c.op, points);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Exact exact = c.exact(Exact{points[i]});
      INFO(std::string(c.name), " of ", static_cast<double>(points[i]), " gives ", static_cast<double>(given[i]),
           " for ", static_cast<double>(exact));
      CHECK(close(given[i], exact, ulps + c.more_ulps, c.subnormal_slack, c.keeps_zero_sign));
    }
  }
}

}  // namespace

TEST_CASE("elementwise ops are within 2 ulp in double at every edge") { check_all<double>(2); }
TEST_CASE("elementwise ops are within 4 ulp in float at every edge") { check_all<float>(4); }

TEST_CASE("an edge value is the same alone as among others") {
  const std::vector<double> points = edge_points<double>();
  for (const Case<double>& c : cases<double>()) {
    const std::vector<double> together = values_of(c.op, points);
    for (std::size_t i = 0; i < points.size(); i += 7) {
      INFO(std::string(c.name), " of ", points[i]);
      const double alone = values_of(c.op, std::vector<double>{points[i]})[0];
      CHECK((alone == together[i] || (std::isnan(alone) && std::isnan(together[i]))));
    }
  }
}
