// argmax and one_hot: positions and ids, and that nothing pretends to have a derivative.
#include <doctest/doctest.h>

#include <limits>

#include "support/elementwise.hpp"
#include "unspool/error.hpp"

namespace us = unspool;
using namespace unspool::test;
using Row = std::vector<double>;
using V = us::Var<double>;

namespace {}

TEST_CASE("argmax works along any axis and keeps the axis when asked") {
  us::Tape<double> tape;
  const V x = tape.input({2, 3}, Row{1, 5, 3, 4, 2, 6});
  CHECK(listed(argmax(x, 1).values()) == Row{1, 2});
  CHECK(listed(argmax(x, 0).values()) == Row{1, 0, 1});
  CHECK(argmax(x, -1, true).shape() == us::Shape{2, 1});
  CHECK(argmax(x, -2).shape() == us::Shape{3});
}

TEST_CASE("argmax takes the first of equal values, and the first NaN before any number") {
  us::Tape<double> tape;
  const double inf = std::numeric_limits<double>::infinity();
  const auto position = [&](const Row& values) { return argmax(row(tape, values), 0).item(); };
  CHECK(position({3, 7, 7, 1}) == 1);
  CHECK(position({-inf, -inf}) == 0);
  CHECK(position({-0.0, 0}) == 0);
  CHECK(position({1, not_a_number, inf, not_a_number}) == 1);
  CHECK(position({not_a_number, 2}) == 0);
}

TEST_CASE("argmax rejects an empty axis and an axis out of range") {
  us::Tape<double> tape;
  const V x = tape.zeros({0, 3});
  CHECK(argmax(x, 1).shape() == us::Shape{0});
  CHECK_THROWS_WITH_AS(argmax(x, 0), doctest::Contains("argmax: the axis must not be empty"), us::Error);
  CHECK_THROWS_WITH_AS(argmax(x, 2), doctest::Contains("argmax: axis must be in -2..1; given 2"), us::Error);
}

TEST_CASE("one_hot puts a 1 at each id") {
  us::Tape<float> tape;
  const us::Var y = one_hot(tape.input({2, 2}, std::vector<float>{2, 0, -0.0f, 1}), 3);
  CHECK(y.shape() == us::Shape{2, 2, 3});
  CHECK(listed(y.values()) == std::vector<float>{0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0});
}

TEST_CASE("one_hot rejects what is not an id, names the element, and leaves the tape as it was") {
  us::Tape<double> tape;
  const auto reject = [&](double id, const char* text) {
    const V x = tape.input({2}, Row{1, id});
    const auto nodes = tape.stats().nodes;
    CHECK_THROWS_WITH_AS(one_hot(x, 4), doctest::Contains(text), us::Error);
    CHECK(tape.stats().nodes == nodes);
  };
  reject(4, "ids must be whole numbers in 0..3; element 1 is 4");
  reject(-1, "element 1 is -1");
  reject(0.5, "element 1 is 0.5");
  reject(not_a_number, "element 1 is nan");
  CHECK_THROWS_WITH_AS(one_hot(tape.zeros({1}), 0), doctest::Contains("needs one class or more; given 0"), us::Error);
}

TEST_CASE("no gradient passes argmax, one_hot or detach, and backward says so when that was the only way") {
  us::Tape<double> tape;
  const V x = row(tape, Row{1, 3, 2});
  const V cut = one_hot(argmax(x, 0), 3) + detach(x);
  CHECK_THROWS_WITH_AS(tape.backward(cut, Row{1, 1, 1}), doctest::Contains("op without a derivative"), us::Error);
  tape.backward(cut * x, Row{1, 1, 1});
  CHECK(listed(x.grad()) == Row{1, 4, 2});
}

TEST_CASE("detach cuts the history of a state and leaves that of the parameters after it") {
  us::Tape<double> tape;
  const V w = tape.variable({}, Row{3}), h0 = tape.variable({}, Row{2});
  const V h1 = h0 * w;          // 6
  const V h2 = detach(h1) * w;  // 18: d/dw is h1 alone
  tape.backward(h2);
  CHECK(w.grad()[0] == 6);
  CHECK(h0.grad()[0] == 0);
}
