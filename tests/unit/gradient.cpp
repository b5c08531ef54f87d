#include <doctest/doctest.h>

#include <vector>

#include "support/close.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::difference;
using Values = std::vector<double>;

namespace {

// Peak of gradient memory of `steps` applications of f to a hundred numbers that depend on one.
template <class F>
std::int64_t peak(int steps, F f) {
  us::Tape<double> tape;
  us::Var h = tape.full({100}, 0.1) * tape.variable({}, Values{1});
  for (int t = 0; t < steps; ++t) h = f(h);
  tape.backward(sum(h));
  return tape.stats().gradient_bytes_peak;
}

}  // namespace

TEST_CASE("the gradient of a sum moves on to a term instead of being copied") {
  const auto plus_one = [](const us::Var<double>& h) { return h + 1.0; };
  const auto squash = [](const us::Var<double>& h) { return tanh(h); };
  CHECK(peak(1000, plus_one) == peak(1, plus_one));
  CHECK(peak(1000, plus_one) < peak(1000, squash));
}

TEST_CASE("both terms of a sum have its gradient, also when they are the same or a difference") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{1, 2}), y = tape.variable({2}, Values{3, 4});
  const us::Var h = x * 2.0, k = y * 5.0;
  SUBCASE("two terms") {
    tape.backward(h + k, Values{1, 10});
    CHECK(difference(x.grad(), Values{2, 20}) == "");
    CHECK(difference(y.grad(), Values{5, 50}) == "");
  }
  SUBCASE("one value twice") {
    tape.backward(h + h, Values{1, 10});
    CHECK(difference(x.grad(), Values{4, 40}) == "");
  }
  SUBCASE("a value less itself") {
    tape.backward(h - h, Values{1, 10});
    CHECK(difference(x.grad(), Values{0, 0}) == "");
  }
  SUBCASE("a difference") {
    tape.backward(h - k, Values{1, 10});
    CHECK(difference(x.grad(), Values{2, 20}) == "");
    CHECK(difference(y.grad(), Values{-5, -50}) == "");
  }
}

TEST_CASE("a gradient that stays readable is not moved on") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{1, 2});
  const us::Var h = x * 2.0;
  const us::Var y = h + 1.0;
  tape.keep_grad(y);
  tape.backward(sum(h * 3.0 + y * 5.0));
  CHECK(difference(y.grad(), Values{5, 5}) == "");
  CHECK(difference(x.grad(), Values{16, 16}) == "");
}

TEST_CASE("a gradient that a queued bias refers to is not moved on to where others add") {
  us::ParameterSet<double> params;
  auto& bias = params.add("bias", {2}, us::zeros());
  us::Tape<double> tape;
  const us::Var x = tape.variable({3, 2}, Values{1, 2, 3, 4, 5, 6});
  const us::Var h = x * 2.0;
  const us::Var early = h * 7.0;  // adds to the gradient of h after h + bias did
  tape.backward(sum(h + bias) + sum(early));
  CHECK(difference(bias.grad(), Values{3, 3}) == "");
  CHECK(difference(x.grad(), Values(6, 16)) == "");
}

TEST_CASE("a term with views collects what they add to the gradient that moved in") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2, 2}, Values{1, 2, 3, 4});
  const us::Var h = x * 2.0;
  const us::Var row = select(h, 0, 1);
  tape.backward(sum(row * 5.0) + sum(h + 1.0));
  CHECK(difference(x.grad(), Values{2, 2, 12, 12}) == "");
  const us::Var k = x * 2.0;
  const us::Var part = select(k, 0, 0);
  tape.backward(sum(k + 1.0) + sum(part * 5.0));
  CHECK(difference(x.grad(), Values{2 + 12, 2 + 12, 12 + 2, 12 + 2}) == "");
}
