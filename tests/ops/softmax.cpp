// softmax, log_softmax and logsumexp where a careless formula overflows or loses digits.
#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ops.hpp"
#include "unspool/tape.hpp"

namespace us = unspool;
using namespace us::test;

namespace {

template <class T>
std::vector<double> transposed(std::span<const T> x, std::size_t rows, std::size_t columns) {
  std::vector<double> y(x.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) y[c * rows + r] = static_cast<double>(x[r * columns + c]);
  return y;
}

using Along = us::Var<double> (*)(const us::Var<double>&, int);

us::Var<double> softmax_along(const us::Var<double>& x, int axis) { return softmax(x, axis); }
us::Var<double> log_softmax_along(const us::Var<double>& x, int axis) { return log_softmax(x, axis); }
us::Var<double> logsumexp_along(const us::Var<double>& x, int axis) { return logsumexp(x, axis, true); }

// Value, then gradient for a fixed dy, along rows of x or, of x transposed, along columns.
std::vector<double> both(Along f, const us::Tensor<double>& x, int axis, bool back) {
  us::Tape<double> tape;
  const std::size_t R = 5, C = 7;
  const us::Var<double> v = back ? tape.variable({7, 5}, transposed<double>(x.values(), R, C)) : tape.variable(x);
  const us::Var<double> y = f(v, axis);
  const bool wide = y.size() == 35;
  std::vector<double> dy = doubles(random_tensor(us::Shape{5, wide ? 7 : 1}, 9).values());
  tape.backward(y, back ? transposed<double>(dy, R, wide ? C : 1) : dy);
  std::vector<double> result = back ? transposed<double>(y.values(), wide ? C : 1, R) : doubles(y.values());
  const std::vector<double> grad = back ? transposed<double>(v.grad(), C, R) : doubles(v.grad());
  result.insert(result.end(), grad.begin(), grad.end());
  return result;
}

}  // namespace

TEST_CASE("along an inner axis softmax and its kin are what they are along the last one") {
  const us::Tensor<double> x = random_tensor({5, 7}, 2, -4, 4);
  for (const Along f : {softmax_along, log_softmax_along, logsumexp_along})
    CHECK(difference(both(f, x, 0, true), both(f, x, -1, false)) == "");
}

TEST_CASE("softmax and log_softmax take logits of ten thousand") {
  us::Tape<float> tape;
  for (const int axis : {0, 1}) {
    const us::Shape shape = axis == 0 ? us::Shape{3, 1} : us::Shape{1, 3};
    const us::Var<float> x = tape.input(shape, std::vector<float>{1e4f, 1e4f - 8, -1e4f});
    const double p = 1 / (1 + std::exp(-8.0));
    CHECK(difference(softmax(x, axis).values(), std::vector<double>{p, 1 - p, 0}, {0, 1e-5}) == "");
    CHECK(difference(log_softmax(x, axis).values(), std::vector<double>{std::log(p), std::log(1 - p), -2e4},
                     {0, 1e-3}) == "");
    CHECK(logsumexp(x, axis).values()[0] == 1e4f);
  }
}

TEST_CASE("minus infinity masks an entry, and a row of nothing else has no softmax") {
  us::Tape<double> tape;
  const std::vector<double> values{0, -inf, -inf, -inf};
  for (const int axis : {0, 1}) {
    const us::Var<double> x = tape.input({2, 2}, axis == 1 ? values : transposed<double>(values, 2, 2));
    const auto rows = [&](const us::Var<double>& y) {
      return axis == 1 ? doubles(y.values()) : transposed<double>(y.values(), 2, 2);
    };
    CHECK(difference(rows(softmax(x, axis)), std::vector<double>{1, 0, NAN, NAN}) == "");
    CHECK(difference(rows(log_softmax(x, axis)), std::vector<double>{0, -inf, NAN, NAN}) == "");
    CHECK(difference(logsumexp(x, axis).values(), std::vector<double>{0, -inf}) == "");
  }
}

TEST_CASE("logsumexp of infinity is infinity") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.input({2, 2}, std::vector<double>{inf, 0, -1, inf});
  for (const int axis : {0, 1}) CHECK(difference(logsumexp(x, axis).values(), std::vector<double>{inf, inf}) == "");
  CHECK(std::isnan(logsumexp(tape.input({2}, std::vector<double>{NAN, 0})).item()));
}

TEST_CASE("softmax rejects an axis that is not there") {
  us::Tape<double> tape;
  const us::Error error = error_from([&] { softmax(tape.zeros({2, 3}), 2); });
  CHECK(error.code() == us::ErrorCode::bad_axis);
  CHECK(rule_text(error) == "softmax: axis must be in -2..1; given 2; operands [2,3]");
  CHECK(error_from([&] { log_softmax(tape.zeros({2, 3}), -3); }).code() == us::ErrorCode::bad_axis);
}
