// Gradients where an op has none or two: the conventions are PyTorch's, and the numbers here were read off it.
#include <doctest/doctest.h>

#include <cmath>

#include "support/elementwise.hpp"

namespace us = unspool;
using namespace unspool::test;
using V = us::Var<double>;

TEST_CASE("slopes at kinks and infinities follow PyTorch") {
  check_same(slopes_of([](V x) { return abs(x); }, Row{0, -0.0, not_a_number, inf, -inf}), {0, 0, 0, 1, -1});
  check_same(slopes_of([](V x) { return relu(x); }, Row{0, -0.0, inf, -inf}), {0, 0, 1, 0});
  check_same(slopes_of([](V x) { return leaky_relu(x); }, Row{0, -0.0, -1, inf, -inf}), {0.01, 0.01, 0.01, 1, 0.01});
  check_same(slopes_of([](V x) { return elu(x, 2); }, Row{0, -0.0, 1, inf, -inf}), {2, 2, 1, 1, 0});
  check_same(slopes_of([](V x) { return clamp(x, -1, 1); }, Row{-1, 1, 0.5, 1.5, inf, -inf, not_a_number}),
             {1, 1, 1, 0, 0, 0, 0});
  check_same(slopes_of([](V x) { return sqrt(x); }, Row{0, -0.0, inf, -1, not_a_number}),
             {inf, -inf, 0, not_a_number, not_a_number});
  check_same(slopes_of([](V x) { return softplus(x); }, Row{0, inf, -inf, -800, not_a_number}),
             {0.5, 1, 0, 0, not_a_number});
  check_same(slopes_of([](V x) { return sigmoid(x); }, Row{inf, -inf, 800, -800}), {0, 0, 0, 0});
  check_same(slopes_of([](V x) { return log(x); }, Row{0, inf}), {inf, 0});
}

TEST_CASE("gelu has finite slopes at infinity, where x times the density would be NaN") {
  check_same(slopes_of([](V x) { return gelu(x); }, Row{inf, -inf, 0, not_a_number}), {1, 0, 0.5, not_a_number});
}

TEST_CASE("maximum and minimum split the gradient of a tie") {
  const Row a{1, 2, 3, -0.0, inf}, b{1, 3, 2, 0, inf};
  auto [da, db] = slopes_of([](V x, V y) { return maximum(x, y); }, a, b);
  check_same(da, {0.5, 0, 1, 0.5, 0.5});
  check_same(db, {0.5, 1, 0, 0.5, 0.5});
  auto [ea, eb] = slopes_of([](V x, V y) { return minimum(x, y); }, a, b);
  check_same(ea, {0.5, 1, 0, 0.5, 0.5});
  check_same(eb, {0.5, 0, 1, 0.5, 0.5});
}

TEST_CASE("maximum and minimum of NaN are NaN whichever operand it is in, broadcast or not") {
  us::Tape<double> tape;
  const V x = row<double>(tape, {not_a_number, 1, not_a_number}),
          y = row<double>(tape, {1, not_a_number, not_a_number}), s = tape.scalar(not_a_number), one = tape.scalar(1);
  for (const V& z : {maximum(x, y), minimum(x, y), maximum(x, s), minimum(s, x)})
    for (const double v : z.values()) CHECK(std::isnan(v));
  check_same(listed(maximum(x, one).values()), {not_a_number, 1, not_a_number});
  check_same(listed(minimum(one, x).values()), {not_a_number, 1, not_a_number});
}

TEST_CASE("the same operand twice in maximum receives the whole gradient") {
  check_same(slopes_of([](V x) { return maximum(x, x); }, Row{1, -2}), {1, 1});
}
