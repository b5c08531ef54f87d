// Values and gradients of an expression in a few variables: what tests of single elements need.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "support/close.hpp"
#include "unspool/ops.hpp"

namespace unspool::test {

using Row = std::vector<double>;

template <class T>
Var<T> row(Tape<T>& tape, const std::vector<T>& values) {
  return tape.variable({static_cast<std::int64_t>(values.size())}, values);
}

template <class T>
std::vector<T> listed(std::span<const T> values) {
  return {values.begin(), values.end()};
}

/// f at every point.
template <class T, class F>
std::vector<T> values_of(F f, const std::vector<T>& points) {
  Tape<T> tape;
  return listed(f(row(tape, points)).values());
}

/// d(f)/d(point) at every point of an elementwise f.
template <class T, class F>
std::vector<T> slopes_of(F f, const std::vector<T>& points) {
  Tape<T> tape;
  const Var<T> x = row(tape, points);
  tape.backward(f(x), std::vector<T>(points.size(), T{1}));
  return listed(x.grad());
}

/// Both partial derivatives of an elementwise f of two operands.
template <class T, class F>
std::pair<std::vector<T>, std::vector<T>> slopes_of(F f, const std::vector<T>& a, const std::vector<T>& b) {
  Tape<T> tape;
  const Var<T> x = row(tape, a), y = row(tape, b);
  tape.backward(f(x, y), std::vector<T>(a.size(), T{1}));
  return {listed(x.grad()), listed(y.grad())};
}

/// Every element is the expected one to rounding, NaN and infinities included.
inline void check_same(const std::vector<double>& given, const std::vector<double>& expected) {
  REQUIRE(given.size() == expected.size());
  for (std::size_t i = 0; i < given.size(); ++i) {
    INFO("element ", i, " is ", given[i], ", expected ", expected[i]);
    const bool both_nan = std::isnan(given[i]) && std::isnan(expected[i]);
    CHECK((both_nan || given[i] == expected[i] || std::abs(given[i] - expected[i]) <= 1e-15 * std::abs(expected[i])));
  }
}

}  // namespace unspool::test
