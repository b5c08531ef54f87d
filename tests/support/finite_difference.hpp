// Gradients against central differences in double. A value of any shape is reduced to a number with fixed weights
// that differ from element to element, because a plain sum hides transpositions.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "unspool/tape.hpp"

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

/// f(tape, variables) records a value. Checks d(weighted sum of it)/d(each input).
template <class F>
void check_gradients(std::vector<Tensor<double>> inputs, F f, double tolerance = 1e-7) {
  const auto record = [&](Tape<double>& tape) {
    std::vector<Var<double>> xs;
    for (const Tensor<double>& x : inputs) xs.push_back(tape.variable(x));
    const Var<double> y = f(tape, xs);
    return std::pair(y, xs);
  };
  const auto value = [&] {
    Tape<double> tape;
    const Var<double> y = record(tape).first;
    const std::vector<double> weights = uneven_weights(y.size());
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * y.values()[i];
    return sum;
  };
  Tape<double> tape;
  const auto [y, xs] = record(tape);
  tape.backward(y, uneven_weights(y.size()));
  for (std::size_t k = 0; k < inputs.size(); ++k)
    for (std::int64_t i = 0; i < inputs[k].size(); ++i) {
      const double at = inputs[k][i], step = 1e-5;
      inputs[k][i] = at + step;
      const double above = value();
      inputs[k][i] = at - step;
      const double below = value();
      inputs[k][i] = at;
      INFO("input ", k, " element ", i);
      CHECK(xs[k].grad()[static_cast<std::size_t>(i)] ==
            doctest::Approx((above - below) / (2 * step)).epsilon(tolerance).scale(1));
    }
}

}  // namespace unspool::test
