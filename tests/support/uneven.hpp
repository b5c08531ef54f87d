// Values and weights without pattern, and gradients of a value of any shape: it is reduced to a number with weights that
// differ from element to element, because a plain sum hides transpositions.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "unspool/gradcheck.hpp"
#include "unspool/ops.hpp"

namespace unspool::test {

inline std::vector<double> uneven_weights(std::int64_t count) {
  std::vector<double> weights;
  for (std::int64_t i = 0; i < count; ++i) weights.push_back(0.5 + std::sin(1.7 * static_cast<double>(i)));
  return weights;
}

/// A tensor of values between -1 and 1 without pattern; `salt` makes another one.
inline Tensor<double> uneven_tensor(const Shape& shape, double salt = 0) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.size(); ++i)
    values.push_back(std::sin(12.9898 * (static_cast<double>(i) + salt) + salt));
  return Tensor<double>(shape, values);
}

/// f(tape, variables) records a value. Checks d(weighted sum of it)/d(each input) against differences.
template <class F>
void check_gradients(const std::vector<Tensor<double>>& inputs, F f) {
  const auto loss = [&](Tape<double>& tape, std::span<const Var<double>> xs) {
    const Var<double> y = f(tape, std::vector<Var<double>>(xs.begin(), xs.end()));
    return sum(y * tape.input(y.shape(), uneven_weights(y.size())));
  };
  CHECK_NOTHROW(unspool::check_gradients(loss, std::span(inputs)));
}

}  // namespace unspool::test
