// Reductions: accuracy, axes, empty extents, ties and numbers at the edges.
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

std::vector<double> iota(std::int64_t n) {
  std::vector<double> v;
  for (std::int64_t i = 0; i < n; ++i) v.push_back(static_cast<double>(i * i % 17) - 5);
  return v;
}

}  // namespace

TEST_CASE("axes may be an int, a list, negative, or left out for all") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.input({2, 3, 2}, std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(sum(x).item() == 78);
  CHECK(sum(x, {}).item() == 78);
  CHECK(difference(sum(x, 0).values(), std::vector<double>{8, 10, 12, 14, 16, 18}) == "");
  CHECK(difference(sum(x, 1).values(), std::vector<double>{9, 12, 27, 30}) == "");
  CHECK(difference(sum(x, {0, -1}).values(), std::vector<double>{18, 26, 34}) == "");
  CHECK(difference(sum(x, {-1, 0}).values(), std::vector<double>{18, 26, 34}) == "");
  CHECK(sum(x, {0, -1}, true).shape() == us::Shape{1, 3, 1});
  CHECK(sum(x, {}, true).shape() == us::Shape{1, 1, 1});
  CHECK(mean(x, 1).shape() == us::Shape{2, 2});
}

TEST_CASE("an axis out of range or named twice is rejected") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.zeros({2, 3});
  const us::Error range = error_from([&] { sum(x, 2); });
  CHECK(range.code() == us::ErrorCode::bad_axis);
  CHECK(rule_text(range) == "sum: axes must be in -2..1; given 2; operands [2,3]");
  const us::Error twice = error_from([&] { mean(x, {1, -1}); });
  CHECK(twice.code() == us::ErrorCode::bad_axis);
  CHECK(rule_text(twice) == "mean: axes must differ; -1 is named twice; operands [2,3]");
  const us::Var<double> deep = tape.zeros({1, 1, 1, 1, 1, 1, 1, 1});
  CHECK(error_from([&] { sum(deep, {0, 1, 2, 3, 4, 5, 6, 7, 0}); }).code() == us::ErrorCode::bad_axis);
  CHECK(error_from([&] { sum(tape.scalar(1), 0); }).code() == us::ErrorCode::bad_axis);
}

TEST_CASE("every choice of axes gives the sums of a plain loop") {
  const us::Shape shape{3, 1, 4, 2, 5};
  const std::vector<double> values = iota(shape.size());
  us::Tape<double> tape;
  const us::Var<double> x = tape.input(shape, values);
  for (unsigned mask = 1; mask < 32; ++mask) {
    std::vector<int> axes;
    std::int64_t stride[5] = {}, kept = 1;
    for (int axis = 4; axis >= 0; --axis)
      if (mask >> axis & 1)
        axes.push_back(axis);
      else
        stride[axis] = kept, kept *= shape[axis];
    std::vector<double> expected(static_cast<std::size_t>(kept), 0.0);
    for (std::int64_t i = 0; i < shape.size(); ++i) {
      std::int64_t rest = i, at = 0;
      for (int axis = 4; axis >= 0; --axis) at += rest % shape[axis] * stride[axis], rest /= shape[axis];
      expected[static_cast<std::size_t>(at)] += values[static_cast<std::size_t>(i)];
    }
    CAPTURE(mask);
    CHECK(difference(sum(x, us::Axes(axes)).values(), expected) == "");
  }
}

TEST_CASE("a float sum of a million terms is right to the last digits, whichever axes it runs along") {
  constexpr std::int64_t n = 1 << 20;
  us::Tape<float> tape;
  const us::Tensor<float> values = random_tensor<float>({n}, 5, 0, 1);
  double exact_sum = 0;
  for (const float v : values.values()) exact_sum += static_cast<double>(v);
  const us::Var<float> x = tape.input(values);
  const auto relative = [&](const us::Var<float>& y) {
    double total = 0;
    for (const float v : y.values()) total += static_cast<double>(v);
    return std::abs(total - exact_sum) / exact_sum;
  };
  // A chain of float additions is off by 1e-4 here.
  CHECK(relative(sum(x)) < 2e-7);
  const auto shaped = [&](const us::Shape& shape) { return tape.input(shape, values.values()); };
  CHECK(relative(sum(shaped({2, n / 2}), 1)) < 2e-7);
  CHECK(relative(sum(shaped({n / 2, 2}), 0)) < 2e-7);
  CHECK(relative(sum(shaped({2, n / 4, 2}), 1)) < 2e-7);
  CHECK(relative(sum(shaped({n / 8, 2, 2, 2}), {0, 2})) < 2e-7);
  CHECK(mean(x).item() == doctest::Approx(exact_sum / n).epsilon(2e-7));
}

TEST_CASE("over an empty extent sum is 0, mean and var NaN, logsumexp -inf, and max and min are rejected") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.zeros({2, 0});
  CHECK(difference(sum(x, 1).values(), std::vector<double>{0, 0}, exact) == "");
  CHECK(difference(mean(x, 1).values(), std::vector<double>{NAN, NAN}) == "");
  CHECK(difference(var(x, 1).values(), std::vector<double>{NAN, NAN}) == "");
  CHECK(difference(logsumexp(x, 1).values(), std::vector<double>{-inf, -inf}) == "");
  CHECK(difference(norm(x, 1).values(), std::vector<double>{0, 0}, exact) == "");
  CHECK(max(x, 0).shape() == us::Shape{0});
  const us::Error error = error_from([&] { max(x, 1); });
  CHECK(error.code() == us::ErrorCode::bad_shape);
  CHECK(rule_text(error) == "max: reduced axes must not be empty; operands [2,0]");
  CHECK(error_from([&] { min(x); }).code() == us::ErrorCode::bad_shape);
}

TEST_CASE("ties of max and min share the gradient evenly") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable({2, 4}, std::vector<double>{1, 3, 3, 2, 5, 5, 5, 5});
  const us::Var<double> loss = sum(max(x, 1)) + 3 * min(x);
  tape.backward(loss);
  CHECK(difference(x.grad(), std::vector<double>{3, 0.5, 0.5, 0, 0.25, 0.25, 0.25, 0.25}) == "");
}

TEST_CASE("max and min pass a NaN on from any place") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.input({2, 2}, std::vector<double>{NAN, 1, 2, NAN});
  for (const int axis : {0, 1}) {
    CHECK(difference(max(x, axis).values(), std::vector<double>{NAN, NAN}) == "");
    CHECK(difference(min(x, axis).values(), std::vector<double>{NAN, NAN}) == "");
  }
}

TEST_CASE("the variance of one element is NaN unless it is the biased one") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable({3, 1}, std::vector<double>{1, 2, 3});
  CHECK(difference(var(x, 1).values(), std::vector<double>{NAN, NAN, NAN}) == "");
  const us::Var<double> biased = var(x, 1, false);
  CHECK(difference(biased.values(), std::vector<double>{0, 0, 0}, exact) == "");
  tape.backward(sum(biased));
  CHECK(difference(x.grad(), std::vector<double>{0, 0, 0}, exact) == "");
}

TEST_CASE("a variance in float is not lost beside a large mean") {
  us::Tape<float> tape;
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.push_back(10000.0f + static_cast<float>(i % 2));
  CHECK(var(tape.input({1000}, values), {}, false).item() == doctest::Approx(0.25).epsilon(1e-6));
  CHECK(var(tape.full({777}, 0.1)).item() == 0);
}

TEST_CASE("norm has gradient 0 at 0 and survives numbers whose squares do not fit in float") {
  us::Tape<float> tape;
  const us::Var<float> x = tape.variable({3, 2}, std::vector<float>{0, 0, 3e30f, 4e30f, 3e-30f, 4e-30f});
  const us::Var<float> y = norm(x, 1);
  tape.backward(sum(y));
  CHECK(difference(y.values(), std::vector<float>{0, 5e30f, 5e-30f}, {0, 1e-6}) == "");
  CHECK(difference(x.grad(), std::vector<float>{0, 0, 0.6f, 0.8f, 0.6f, 0.8f}, {0, 1e-6}) == "");
  const us::Var<float> columns = norm(tape.input({2, 2}, std::vector<float>{3e30f, 3e-30f, 4e30f, 4e-30f}), 0);
  CHECK(difference(columns.values(), std::vector<float>{5e30f, 5e-30f}, {0, 1e-6}) == "");
}

TEST_CASE("broadcast_to rejects a shape that its operand does not fit") {
  us::Tape<double> tape;
  const us::Error error = error_from([&] { broadcast_to(tape.zeros({2, 3}), {2, 4}); });
  CHECK(error.code() == us::ErrorCode::shape_mismatch);
  CHECK(rule_text(error) == "broadcast_to: operand must broadcast to [2,4]; operands [2,3]");
  CHECK(error_from([&] { broadcast_to(tape.zeros({2, 3}), {3}); }).code() == us::ErrorCode::shape_mismatch);
}
