// pow where its formulas meet 0 * infinity. Expected numbers were read off PyTorch.
#include <doctest/doctest.h>

#include <cmath>

#include "support/elementwise.hpp"

namespace us = unspool;
using namespace unspool::test;
using V = us::Var<double>;

TEST_CASE("pow with an operand exponent has PyTorch's gradients at its edges") {
  const Row x{0, 0, 0, 0, -2, -2, 2, 0, -0.0, inf, 1, not_a_number, 0, inf};
  const Row e{0, 1, 2, -1, 2, 3, 0, 0.5, 3, -1, not_a_number, 0, -0.5, 0};
  const auto power = [](V a, V b) { return pow(a, b); };
  us::Tape<double> tape;
  check_same(listed(power(row(tape, x), row(tape, e)).values()), {1, 0, 0, inf, 4, -8, 1, 0, -0.0, 0, 1, 1, inf, 1});
  const auto [dx, de] = slopes_of(power, x, e);
  check_same(dx, {0, 1, 0, -inf, -4, 12, 0, inf, 0, -0.0, not_a_number, 0, -inf, 0});
  check_same(
      de, {0, 0, 0, -inf, not_a_number, not_a_number, std::log(2.0), 0, 0, not_a_number, 0, not_a_number, -inf, inf});
}

TEST_CASE("pow with a number as exponent has PyTorch's gradients at its edges") {
  const Row x{0, -0.0, 2, -2, inf, -inf, not_a_number};
  const auto slopes = [&](double e) { return slopes_of([e](V v) { return pow(v, e); }, x); };
  check_same(slopes(0), {0, 0, 0, 0, 0, 0, 0});
  check_same(slopes(1), {1, 1, 1, 1, 1, 1, 1});
  check_same(slopes(2), {0, -0.0, 4, -4, inf, -inf, not_a_number});
  check_same(slopes(3), {0, 0, 12, 12, inf, inf, not_a_number});
  // At -0 and -infinity this is C's pow; PyTorch takes a square root for this exponent.
  check_same(slopes(0.5), {inf, inf, std::sqrt(0.125), not_a_number, 0, 0, not_a_number});
  check_same(slopes(-1), {-inf, -inf, -0.25, -0.25, -0.0, -0.0, not_a_number});
  check_same(slopes(-2), {-inf, inf, -0.25, 0.25, -0.0, 0, not_a_number});
}
