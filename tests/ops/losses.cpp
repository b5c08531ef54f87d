// The elementwise losses at their kinks and extremes, and layer_norm on rows without spread.
#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"
#include "unspool/tape.hpp"

namespace us = unspool;
using namespace us::test;
using us::Reduction;

TEST_CASE("binary cross entropy neither overflows nor drops the loss of a confident right answer") {
  us::Tape<float> tape;
  const us::Var<float> x = tape.variable({6}, std::vector<float>{1e4f, 1e4f, -1e4f, -1e4f, 20, -20});
  const us::Var<float> target = tape.input({6}, std::vector<float>{1, 0, 0, 1, 1, 0});
  const us::Var<float> loss = binary_cross_entropy_with_logits(x, target, Reduction::none);
  tape.backward(sum(loss));
  const double small = std::log1p(std::exp(-20.0));
  CHECK(difference(loss.values(), std::vector<double>{0, 1e4, 0, 1e4, small, small}, {0, 1e-6}) == "");
  CHECK(difference(x.grad(), std::vector<double>{0, 1, 0, -1, -small, small}, {1e-7, 1e-6}) == "");
}

TEST_CASE("binary cross entropy passes a gradient to targets that want one") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable({2}, std::vector<double>{1.5, -0.5});
  const us::Var<double> target = tape.variable({2}, std::vector<double>{0.25, 0.75});
  tape.backward(binary_cross_entropy_with_logits(x, target));
  CHECK(difference(target.grad(), std::vector<double>{-0.75, 0.25}) == "");
}

TEST_CASE("losses are the mean by default, and mean, sum and none agree beyond one block of elements") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.input(random_tensor({2500}, 1)), t = tape.input(random_tensor({2500}, 2, 0, 1));
  const auto agree = [&](auto loss) {
    const us::Var<double> each = loss(Reduction::none);
    CHECK(each.shape() == us::Shape{2500});
    CHECK(close(loss(Reduction::sum).item(), sum(each).item()));
    CHECK(close(loss(Reduction::mean).item(), mean(each).item()));
  };
  agree([&](Reduction r) { return mse(x, t, r); });
  agree([&](Reduction r) { return smooth_l1(x, t, 0.5, r); });
  agree([&](Reduction r) { return binary_cross_entropy_with_logits(x, t, r); });
  CHECK(mse(x, t).item() == mse(x, t, Reduction::mean).item());
  CHECK(std::isnan(mse(tape.zeros({0}), tape.zeros({0})).item()));
}

TEST_CASE("smooth_l1 is quadratic below beta, linear from it on, and the absolute difference for beta 0") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable({4}, std::vector<double>{1, 0.5, 2, -3});
  const us::Var<double> zero = tape.zeros({4});
  const us::Var<double> loss = smooth_l1(x, zero, 2, Reduction::none);
  CHECK(difference(loss.values(), std::vector<double>{0.25, 0.0625, 1, 2}) == "");
  const us::Var<double> z = tape.variable({3}, std::vector<double>{0, 2, -3});
  const us::Var<double> absolute = smooth_l1(z, tape.zeros({3}), 0, Reduction::none);
  CHECK(difference(absolute.values(), std::vector<double>{0, 2, 3}) == "");
  tape.backward(sum(loss) + sum(absolute));
  CHECK(difference(x.grad(), std::vector<double>{0.5, 0.25, 1, -1}) == "");
  CHECK(difference(z.grad(), std::vector<double>{0, 1, -1}) == "");
  const us::Error error = error_from([&] { smooth_l1(x, zero, -1); });
  CHECK(error.code() == us::ErrorCode::bad_argument);
  CHECK(rule_text(error) == "smooth_l1: beta must not be negative; given -1; operands [4], [4]");
}

TEST_CASE("a loss rejects a target that would have to be broadcast") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.zeros({4, 1}), t = tape.zeros({4});
  const us::Error error = error_from([&] { mse(x, t); });
  CHECK(error.code() == us::ErrorCode::shape_mismatch);
  CHECK(rule_text(error) == "mse: x and target must have one shape; operands [4,1], [4]");
  CHECK(error_from([&] { smooth_l1(x, t); }).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_from([&] { binary_cross_entropy_with_logits(x, t); }).code() == us::ErrorCode::shape_mismatch);
}

TEST_CASE("layer_norm of a constant row is the bias, and its gradient is finite") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(us::Tensor<double>({2, 3}, std::vector<double>{4, 4, 4, 0, 0, 0}));
  const us::Var<double> weight = tape.variable({3}, std::vector<double>{2, 3, 4});
  const us::Var<double> bias = tape.variable({3}, std::vector<double>{1, 0, -1});
  const us::Var<double> y = layer_norm(x, weight, bias, 0.01);
  CHECK(difference(y.values(), std::vector<double>{1, 0, -1, 1, 0, -1}) == "");
  tape.backward(y, std::vector<double>{1, 0, 0, 1, 0, 0});
  // g = dy * weight = [2, 0, 0] less its mean, over the deviation sqrt(eps) = 0.1.
  CHECK(difference(x.grad(), std::vector<double>{40.0 / 3, -20.0 / 3, -20.0 / 3, 40.0 / 3, -20.0 / 3, -20.0 / 3}) ==
        "");
  CHECK(difference(weight.grad(), std::vector<double>{0, 0, 0}) == "");
  CHECK(difference(bias.grad(), std::vector<double>{2, 0, 0}) == "");
}

TEST_CASE("layer_norm keeps its digits on a row far from 0") {
  us::Tape<float> tape;
  std::vector<float> values(256, 4096.0f);
  for (std::size_t i = 0; i < values.size(); i += 2) values[i] += 1;
  const us::Var<float> y = layer_norm(tape.input({1, 256}, values), 0);
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(y.values()[i] == doctest::Approx(i % 2 == 0 ? 1 : -1).epsilon(1e-5));
}

TEST_CASE("a layer_norm weight used at every step is summed in one go") {
  us::ParameterSet<double> params(us::Seed{1});
  auto& weight = params.add("weight", {3}, us::ones());
  auto& bias = params.add("bias", {3}, us::zeros());
  us::Tape<double> tape;
  us::Var<double> h = tape.input(random_tensor({2, 3}, 1));
  for (int t = 0; t < 4; ++t) h = tanh(layer_norm(h, weight, bias));
  tape.backward(sum(h));
  CHECK(tape.stats().deferred_flushes == 2);
  CHECK(tape.stats().deferred_entries == 8);
}

TEST_CASE("layer_norm rejects a weight of another length, a scalar and a negative eps") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.zeros({2, 4});
  const us::Error weight = error_from([&] { layer_norm(x, tape.ones({3}), tape.zeros({4})); });
  CHECK(weight.code() == us::ErrorCode::shape_mismatch);
  CHECK(rule_text(weight) == "layer_norm: weight must be [4]; given [3]; operands [2,4], [3], [4]");
  const us::Error bias = error_from([&] { layer_norm(x, tape.ones({4}), tape.zeros({1, 4})); });
  CHECK(rule_text(bias) == "layer_norm: bias must be [4]; given [1,4]; operands [2,4], [4], [1,4]");
  CHECK(error_from([&] { layer_norm(tape.scalar(1)); }).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_from([&] { layer_norm(x, -1.0); }).code() == us::ErrorCode::bad_argument);
}
