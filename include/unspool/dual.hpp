// Dual: a number and its derivative in one direction. A tape of duals runs the same rules as any other, so that its
// forward pass is a Jacobian-vector product and its walk back a Hessian-vector product. Functions are in
// unspool/maths.hpp.
#pragma once

#include <type_traits>

namespace unspool {
namespace maths {

/// value + tangent ε with ε² = 0 (Clifford, Proceedings of the London Mathematical Society s1-4, 1873). Comparisons
/// look at the value. A plain number is a constant: its tangent is 0.
template <class T>
struct Dual {
  using Value = T;

  T value = 0;
  T tangent = 0;

  constexpr Dual() = default;
  template <class Number>
  requires std::is_arithmetic_v<Number>
  constexpr Dual(Number number) : value(static_cast<T>(number)) {}
  constexpr Dual(T v, T t) : value(v), tangent(t) {}

  explicit constexpr operator float() const = delete;  // what drops a tangent says so: .value
  explicit constexpr operator double() const = delete;

  constexpr Dual& operator+=(const Dual& b) { return *this = *this + b; }
  constexpr Dual& operator-=(const Dual& b) { return *this = *this - b; }
  constexpr Dual& operator*=(const Dual& b) { return *this = *this * b; }
  constexpr Dual& operator/=(const Dual& b) { return *this = *this / b; }
  constexpr Dual& operator*=(T b) { return *this = *this * b; }
  constexpr Dual& operator/=(T b) { return *this = *this / b; }

  friend constexpr Dual operator-(const Dual& a) { return {-a.value, -a.tangent}; }
  friend constexpr Dual operator+(const Dual& a, const Dual& b) { return {a.value + b.value, a.tangent + b.tangent}; }
  friend constexpr Dual operator-(const Dual& a, const Dual& b) { return {a.value - b.value, a.tangent - b.tangent}; }
  friend constexpr Dual operator*(const Dual& a, const Dual& b) {
    return {a.value * b.value, a.tangent * b.value + a.value * b.tangent};
  }
  friend constexpr Dual operator/(const Dual& a, const Dual& b) {
    const T quotient = a.value / b.value;
    return {quotient, (a.tangent - quotient * b.tangent) / b.value};
  }

  // A constant on one side: cheaper, and no 0 * infinity where the value is infinite.
  friend constexpr Dual operator+(const Dual& a, T b) { return {a.value + b, a.tangent}; }
  friend constexpr Dual operator+(T a, const Dual& b) { return {a + b.value, b.tangent}; }
  friend constexpr Dual operator-(const Dual& a, T b) { return {a.value - b, a.tangent}; }
  friend constexpr Dual operator-(T a, const Dual& b) { return {a - b.value, -b.tangent}; }
  friend constexpr Dual operator*(const Dual& a, T b) { return {a.value * b, a.tangent * b}; }
  friend constexpr Dual operator*(T a, const Dual& b) { return {a * b.value, a * b.tangent}; }
  friend constexpr Dual operator/(const Dual& a, T b) { return {a.value / b, a.tangent / b}; }
  friend constexpr Dual operator/(T a, const Dual& b) {
    const T quotient = a / b.value;
    return {quotient, -quotient * b.tangent / b.value};
  }

  friend constexpr bool operator==(const Dual& a, const Dual& b) { return a.value == b.value; }
  friend constexpr bool operator!=(const Dual& a, const Dual& b) { return a.value != b.value; }
  friend constexpr bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend constexpr bool operator>(const Dual& a, const Dual& b) { return a.value > b.value; }
  friend constexpr bool operator<=(const Dual& a, const Dual& b) { return a.value <= b.value; }
  friend constexpr bool operator>=(const Dual& a, const Dual& b) { return a.value >= b.value; }
};

}  // namespace maths

using maths::Dual;

}  // namespace unspool
