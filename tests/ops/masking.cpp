// where and masked_fill: what a mask hides must have no influence at all, however it is broadcast.
#include <doctest/doctest.h>

#include <cmath>

#include "support/elementwise.hpp"
#include "unspool/error.hpp"

namespace us = unspool;
using namespace unspool::test;
using V = us::Var<double>;

TEST_CASE("where takes elements by the condition and sends the gradient the same way") {
  us::Tape<double> tape;
  const V c = tape.input({4}, Row{1, 0, -0.5, -0.0}), a = row(tape, Row{1, 2, 3, 4}), b = row(tape, Row{5, 6, 7, 8});
  const V y = where(c, a, b);
  CHECK(listed(y.values()) == Row{1, 6, 3, 8});
  tape.backward(y, Row{10, 20, 30, 40});
  CHECK(listed(a.grad()) == Row{10, 0, 30, 0});
  CHECK(listed(b.grad()) == Row{0, 20, 0, 40});
}

TEST_CASE("where broadcasts condition and branches, and sums the gradient of what was broadcast") {
  us::Tape<double> tape;
  const V c = tape.input({2, 1}, Row{1, 0}), a = row(tape, Row{1, 2, 3}), b = tape.variable({}, Row{9});
  const V y = where(c, a, b);
  CHECK(y.shape() == us::Shape{2, 3});
  CHECK(listed(y.values()) == Row{1, 2, 3, 9, 9, 9});
  tape.backward(y, Row{1, 2, 3, 4, 5, 6});
  CHECK(listed(a.grad()) == Row{1, 2, 3});
  CHECK(listed(b.grad()) == Row{15});
}

TEST_CASE("a NaN or an infinity in the branch that where does not take stays out of the value and the gradient") {
  us::Tape<double> tape;
  const V x = row(tape, Row{-1, 4, 0});
  const V c = tape.input({3}, Row{0, 1, 0});
  // sqrt of -1 is NaN and has slope NaN, and log(0) and its slope are infinite: the zero gradient that where sends
  // there becomes NaN in those ops. The remedy is a safe operand, chosen by the same condition.
  const V safe = where(c, x, tape.scalar(1));
  const V y = where(c, sqrt(safe) + log(safe), tape.scalar(7));
  CHECK(listed(y.values()) == Row{7, 2 + std::log(4.0), 7});
  tape.backward(y, Row{1, 1, 1});
  CHECK(listed(x.grad()) == Row{0, 0.5, 0});

  us::Tape<double> other;
  const V a = row(other, Row{not_a_number, 1, inf}), b = row(other, Row{2, not_a_number, 3});
  const V z = where(other.input({3}, Row{0, 1, 0}), a, b);
  CHECK(listed(z.values()) == Row{2, 1, 3});
  other.backward(z, Row{1, inf, 3});
  CHECK(listed(a.grad()) == Row{0, inf, 0});
  CHECK(listed(b.grad()) == Row{1, 0, 3});
}

TEST_CASE("the condition of where and the mask of masked_fill receive no gradient") {
  us::Tape<double> tape;
  const V c = row(tape, Row{1, 0}), x = row(tape, Row{2, 3});
  tape.backward(where(c, x, -x) + masked_fill(x, c, 5), Row{1, 1});
  CHECK(listed(c.grad()) == Row{0, 0});
  CHECK(listed(x.grad()) == Row{1, 0});
}

TEST_CASE("masked_fill writes the value where the mask is set and stops the gradient there") {
  us::Tape<double> tape;
  const V x = tape.variable({2, 3}, Row{1, not_a_number, 3, 4, inf, 6});
  const V y = masked_fill(x, tape.input({3}, Row{0, 1, 0}), -inf);
  CHECK(listed(y.values()) == Row{1, -inf, 3, 4, -inf, 6});
  tape.backward(y, Row{1, inf, 3, 4, not_a_number, 6});
  CHECK(listed(x.grad()) == Row{1, 0, 3, 4, 0, 6});
}

TEST_CASE("masked_fill broadcasts a value to a larger mask") {
  us::Tape<double> tape;
  const V x = row(tape, Row{1, 2});
  const V y = masked_fill(x, tape.input({2, 2}, Row{0, 1, 1, 0}), 0);
  CHECK(listed(y.values()) == Row{1, 0, 0, 2});
  tape.backward(y, Row{1, 2, 3, 4});
  CHECK(listed(x.grad()) == Row{1, 4});
}

TEST_CASE("where rejects shapes that do not broadcast and records nothing") {
  us::Tape<double> tape;
  const V c = tape.ones({2}), a = tape.ones({3}), b = tape.ones({3});
  CHECK_THROWS_WITH_AS(where(c, a, b), doctest::Contains("where: condition, a and b must broadcast"), us::Error);
  CHECK(tape.stats().nodes == 3);
}
