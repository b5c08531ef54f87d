#include <doctest/doctest.h>

#include <cmath>

#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;

TEST_CASE("a parameter used at every step receives the sum of the step gradients") {
  us::ParameterSet<double> params(us::Seed{7});
  auto& w = params.add("w", {2, 2}, us::xavier_uniform());
  us::Tape<double> tape;
  us::Var h = tape.variable({1, 2}, std::vector<double>{0.5, -0.25});
  for (int t = 0; t < 3; ++t) {
    const auto step = tape.step(t);
    h = tanh(matmul(h, w) + 0.1);
  }
  tape.backward(h, std::vector<double>{1, 2});
  const std::vector<double> together(w.grad().begin(), w.grad().end());

  // Three unshared copies.
  us::ParameterSet<double> copies(us::Seed{7});
  std::vector<double> sum(4, 0.0);
  us::Tape<double> other;
  us::Var g = other.variable({1, 2}, std::vector<double>{0.5, -0.25});
  for (int t = 0; t < 3; ++t) {
    auto& copy = copies.add("w" + std::to_string(t), {2, 2}, us::zeros());
    std::copy(w.values().begin(), w.values().end(), copy.mutable_values().begin());
    g = tanh(matmul(g, copy) + 0.1);
  }
  other.backward(g, std::vector<double>{1, 2});
  for (us::Parameter<double>& copy : copies)
    for (int i = 0; i < 4; ++i) sum[i] += copy.grad()[i];
  for (int i = 0; i < 4; ++i) CHECK(together[i] == doctest::Approx(sum[i]).epsilon(1e-12));
  CHECK(tape.stats().backward_visits == tape.stats().nodes);
  CHECK(tape.stats().deferred_flushes == 1);
  CHECK(tape.stats().deferred_entries == 3);
}
