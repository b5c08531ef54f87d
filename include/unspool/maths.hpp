// The functions of <cmath> for every scalar that tapes exist for: what a rule calls, maths::exp(x), serves duals as
// well. They lie beside Dual, so that `using std::exp; exp(x)` finds them too.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>

#include "unspool/dual.hpp"
#include "unspool/scalar.hpp"

namespace unspool {
namespace maths {

using std::abs;
using std::ceil;
using std::cos;
using std::erfc;
using std::exp;
using std::expm1;
using std::floor;
using std::isfinite;
using std::isinf;
using std::isnan;
using std::log;
using std::log1p;
using std::pow;
using std::sin;
using std::sqrt;
using std::tanh;

// f(x + t ε) = f(x) + f'(x) t ε. A tangent of 0 stays 0 at a pole of f', as where a mask made the argument a constant.
template <class T>
constexpr Dual<T> chained(T value, T slope, T tangent) {
  return {value, tangent == 0 ? T{0} : slope * tangent};
}

template <class T>
Dual<T> exp(const Dual<T>& x) {
  const T y = std::exp(x.value);
  return chained(y, y, x.tangent);
}
template <class T>
Dual<T> expm1(const Dual<T>& x) {
  return chained(std::expm1(x.value), std::exp(x.value), x.tangent);
}
template <class T>
Dual<T> log(const Dual<T>& x) {
  return chained(std::log(x.value), 1 / x.value, x.tangent);
}
template <class T>
Dual<T> log1p(const Dual<T>& x) {
  return chained(std::log1p(x.value), 1 / (1 + x.value), x.tangent);
}
template <class T>
Dual<T> sqrt(const Dual<T>& x) {
  const T y = std::sqrt(x.value);
  return chained(y, 1 / (2 * y), x.tangent);
}
template <class T>
Dual<T> tanh(const Dual<T>& x) {
  const T y = std::tanh(x.value);
  return chained(y, (1 - y) * (1 + y), x.tangent);
}
template <class T>
Dual<T> sin(const Dual<T>& x) {
  return chained(std::sin(x.value), std::cos(x.value), x.tangent);
}
template <class T>
Dual<T> cos(const Dual<T>& x) {
  return chained(std::cos(x.value), -std::sin(x.value), x.tangent);
}
template <class T>
Dual<T> erfc(const Dual<T>& x) {
  return chained(std::erfc(x.value), -2 * std::numbers::inv_sqrtpi_v<T> * std::exp(-x.value * x.value), x.tangent);
}
/// Slope 0 at 0.
template <class T>
Dual<T> abs(const Dual<T>& x) {
  return x.value < 0 ? -x : x.value > 0 ? x : Dual<T>(std::abs(x.value), x.value == 0 ? T{0} : x.tangent);
}
template <class T>
Dual<T> pow(const Dual<T>& x, T e) {
  return chained(std::pow(x.value, e), e == 0 ? T{0} : e * std::pow(x.value, e - 1), x.tangent);
}
/// By the exponent: x^e log x, and 0 at x = 0 with e >= 0, its limit.
template <class T>
Dual<T> pow(const Dual<T>& x, const Dual<T>& e) {
  Dual<T> y = pow(x, e.value);
  if (e.tangent != 0 && !(x.value == 0 && e.value >= 0)) y.tangent += y.value * std::log(x.value) * e.tangent;
  return y;
}
/// 1 / (1 + e^-x). exp never overflows, and the result keeps its relative accuracy on the left.
template <std::floating_point T>
T sigmoid(T x) {
  const T e = std::exp(-std::abs(x));
  return (x < 0 ? e : T(1)) / (1 + e);
}
template <class T>
Dual<T> sigmoid(const Dual<T>& x) {
  const T y = sigmoid(x.value);
  return chained(y, y * sigmoid(-x.value), x.tangent);
}
/// log(1 + e^x).
template <std::floating_point T>
T softplus(T x) {
  return std::log1p(std::exp(-std::abs(x))) + (x < 0 ? T(0) : x);
}
template <class T>
Dual<T> softplus(const Dual<T>& x) {
  return chained(softplus(x.value), sigmoid(x.value), x.tangent);
}

/// The number without its tangent, as a real one or as a constant of its own type.
template <std::floating_point T>
constexpr T value(T x) {
  return x;
}
template <class T>
constexpr T value(const Dual<T>& x) {
  return x.value;
}
template <class T>
constexpr T constant(const T& x) {
  return value(x);
}

template <class T>
Dual<T> floor(const Dual<T>& x) {
  return std::floor(x.value);
}
template <class T>
Dual<T> ceil(const Dual<T>& x) {
  return std::ceil(x.value);
}

template <class T>
bool isnan(const Dual<T>& x) {
  return std::isnan(x.value);
}
template <class T>
bool isinf(const Dual<T>& x) {
  return std::isinf(x.value);
}
template <class T>
bool isfinite(const Dual<T>& x) {
  return std::isfinite(x.value);
}

}  // namespace maths
}  // namespace unspool

template <class T>
class std::numeric_limits<unspool::Dual<T>> : public std::numeric_limits<T> {};
