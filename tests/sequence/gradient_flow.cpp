// The spectra of a recurrence's steps against matrices whose spectra are known, and Pascanu's regulariser.
#include "unspool/gradient_flow.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/cells.hpp"
#include "unspool/gradcheck.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::random_tensor;

namespace {

// h' = h A^T + 0 x: D = A at every step.
us::GradientFlow flow_of(const us::Tensor<double>& a, std::int64_t steps) {
  const std::int64_t n = a.shape()[0];
  auto cell = [&](const us::Var<double>& x, const us::Var<double>& h) {
    return linear(h, us::Var<double>(us::detail::record_leaf(us::detail::tape_of(h, "test"), a.shape(), a.data(), false,
                                                             us::Where::current()))) +
           x * 0.0;
  };
  us::Tape<double> tape;
  return us::gradient_flow<double>(cell, us::Tensor<double>(us::Shape{steps, 1, n}), tape.ones({1, n}));
}

}  // namespace

TEST_CASE("singular values and spectral radii of a step's Jacobian are those of its matrix") {
  SUBCASE("diagonal") {
    const us::GradientFlow flow = flow_of(us::Tensor<double>({2, 2}, {0.5, 0, 0, -0.25}), 7);
    REQUIRE(flow.steps.size() == 7);
    for (std::size_t t = 0; t < 7; ++t) {
      CHECK(flow.steps[t].norm == doctest::Approx(0.5));
      CHECK(flow.steps[t].radius == doctest::Approx(0.5));
      CHECK(flow.steps[t].log10_reach == doctest::Approx(static_cast<double>(t + 1) * std::log10(0.5)));
    }
    CHECK(flow.rate == doctest::Approx(0.5));
  }
  SUBCASE("a rotation, whose eigenvalues are complex") {
    const double c = 1.1 * std::cos(1.0), s = 1.1 * std::sin(1.0);
    const us::GradientFlow flow = flow_of(us::Tensor<double>({2, 2}, {c, -s, s, c}), 5);
    CHECK(flow.steps[0].norm == doctest::Approx(1.1));
    CHECK(flow.steps[0].radius == doctest::Approx(1.1).epsilon(0.02));
    CHECK(flow.rate == doctest::Approx(1.1));
  }
  SUBCASE("a shear, which enlarges in one step and not for ever") {
    const us::GradientFlow flow = flow_of(us::Tensor<double>({2, 2}, {0.9, 10, 0, 0.9}), 3);
    // The singular values s of [[a, b], [0, a]] have s1 s2 = a^2 and s1^2 + s2^2 = 2 a^2 + b^2.
    const double sum = 2 * 0.81 + 100, root = std::sqrt(sum * sum - 4 * 0.81 * 0.81);
    CHECK(flow.steps[0].norm == doctest::Approx(std::sqrt((sum + root) / 2)));
    CHECK(flow.steps[0].radius < 1);
  }
  SUBCASE("nothing comes through zeros") {
    const us::GradientFlow flow = flow_of(us::Tensor<double>(us::Shape{3, 3}), 4);
    CHECK(flow.steps[0].norm == 0);
    CHECK(flow.steps[0].radius == 0);
    CHECK(flow.rate == 0);
    CHECK(us::flow_text(flow).find("vanishing") != std::string::npos);
  }
  SUBCASE("far beyond the range of a double") {
    const us::GradientFlow flow = flow_of(us::Tensor<double>({1, 1}, {1e-3}), 400);
    CHECK(flow.steps.back().log10_reach == doctest::Approx(-1200));
    CHECK(flow.rate == doctest::Approx(1e-3));
  }
}

TEST_CASE("the reach of an RNN is the product of its Jacobians") {
  us::ParameterSet<double> params(us::Seed{2});
  us::RNNCell<double> cell(params, "cell", {.input = 2, .hidden = 1});
  us::Tape<double> tape;
  const us::Tensor<double> xs = random_tensor({6, 3, 2}, 4);
  const us::GradientFlow flow = us::gradient_flow<double>(cell, xs, tape.variable(random_tensor({3, 1}, 5)), 1);
  // d(last)/d(first), by one walk through all steps.
  us::Var<double> first = tape.variable(random_tensor({3, 1}, 5)), h = first;
  for (std::int64_t t = 0; t < 6; ++t) h = cell(select(tape.input(xs), 0, t), h);
  tape.backward(sum(h));
  CHECK(flow.steps.back().log10_reach == doctest::Approx(std::log10(std::abs(first.grad()[1]))));
}

TEST_CASE("an open forget gate holds what a saturated tanh loses, and the text says so") {
  us::ParameterSet<double> params(us::Seed{3});
  us::LSTMCell<double> lstm(params, "lstm", {.input = 1, .hidden = 4, .forget_bias = 12});
  us::RNNCell<double> rnn(params, "rnn", {.input = 1, .hidden = 4});
  for (double& w : params["rnn.weight_hh"].mutable_values()) w *= 0.3;
  us::Tape<double> tape;
  const us::Tensor<double> xs = random_tensor({40, 1, 1}, 6);
  const us::GradientFlow held = us::gradient_flow<double>(lstm, xs, lstm.zero_state(tape, 1));
  const us::GradientFlow lost = us::gradient_flow<double>(rnn, xs, rnn.zero_state(tape, 1));
  CHECK(held.rate > 0.95);
  CHECK(lost.rate < 0.6);
  CHECK(us::flow_text(held).find("holding") != std::string::npos);
  CHECK(us::flow_text(lost).find("vanishing") != std::string::npos);
}

TEST_CASE("the gradient-norm penalty is Pascanu's, and so is its gradient for w_hh") {
  for (const us::Nonlinearity f : {us::Nonlinearity::tanh, us::Nonlinearity::relu}) {
    us::ParameterSet<double> params(us::Seed{4});
    us::Parameter<double>& w = params.add("w", {3, 3}, us::orthogonal(0.8));
    const us::Tensor<double> h = random_tensor({4, 2, 3}, 7), d = [] {
      us::Tensor<double> all = random_tensor({4, 2, 3}, 8);
      for (std::int64_t i = 0; i < 3; ++i) all[i] = 0;  // one row without a gradient
      return all;
    }();
    us::Tape<double> tape;
    const double found = us::gradient_norm_penalty(tape, h, d, w, f).item();
    double expected = 0;
    for (std::int64_t row = 1; row < 8; ++row) {
      double handed = 0, arrived = 0;
      for (std::int64_t j = 0; j < 3; ++j) {
        double sum = 0;
        for (std::int64_t i = 0; i < 3; ++i) {
          const double x = h[row * 3 + i];
          sum += d[row * 3 + i] *
                 (f == us::Nonlinearity::tanh ? 1 - x * x
                  : x > 0                     ? 1
                                              : 0) *
                 w.values()[static_cast<std::size_t>(i * 3 + j)];
        }
        handed += sum * sum;
        arrived += d[row * 3 + j] * d[row * 3 + j];
      }
      expected += std::pow(std::sqrt(handed / arrived) - 1, 2) / 2;
    }
    CHECK(found == doctest::Approx(expected));
    us::check_gradients([&](us::Tape<double>& t) { return us::gradient_norm_penalty(t, h, d, w, f); }, params);
  }
}

TEST_CASE("gradient flow and penalty reject what does not fit") {
  us::ParameterSet<double> params(us::Seed{5});
  us::RNNCell<double> cell(params, "cell", {.input = 2, .hidden = 3});
  us::Parameter<double>& w = params.add("w", {3, 3}, us::zeros());
  us::Tape<double> tape;
  const auto start = cell.zero_state(tape, 2);
  UNSPOOL_CHECK_ERROR(us::gradient_flow<double>(cell, random_tensor({4, 3, 2}, 1), start), shape_mismatch, "[T,2,...]");
  UNSPOOL_CHECK_ERROR(us::gradient_flow<double>(cell, random_tensor({4, 2, 2}, 1), start, 2), bad_argument, "0..1");
  CHECK(us::gradient_flow<double>(cell, us::Tensor<double>(us::Shape{0, 2, 2}), start).steps.empty());
  const us::Tensor<double> h = random_tensor({4, 2, 3}, 1);
  const auto penalty = [&](const us::Tensor<double>& states, const us::Tensor<double>& gradients) {
    return us::gradient_norm_penalty(tape, states, gradients, w, us::Nonlinearity::tanh);
  };
  UNSPOOL_CHECK_ERROR(penalty(random_tensor({4, 3}, 1), h), shape_mismatch, "[T,B,H]");
  UNSPOOL_CHECK_ERROR(penalty(h, random_tensor({4, 2, 2}, 1)), shape_mismatch, "gradients");
  UNSPOOL_CHECK_ERROR(penalty(random_tensor({4, 2, 2}, 1), random_tensor({4, 2, 2}, 1)), shape_mismatch, "weight_hh");
  CHECK(penalty(us::Tensor<double>(us::Shape{0, 2, 3}), us::Tensor<double>(us::Shape{0, 2, 3})).item() == 0);
}
