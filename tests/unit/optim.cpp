#include "unspool/optim.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "support/caught.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;

namespace {

// A parameter of 5 values whose gradient at step t is given, so that a formula can be followed element by element.
template <class T>
struct Fixture {
  us::ParameterSet<T> params;
  us::Parameter<T>& w = params.add("w", {5}, us::zeros());
  std::vector<double> value;

  Fixture() {
    for (int i = 0; i < 5; ++i) value.push_back(0.3 * i - 0.7);
    for (int i = 0; i < 5; ++i)
      w.mutable_values()[static_cast<std::size_t>(i)] = static_cast<T>(value[static_cast<std::size_t>(i)]);
  }
  static double gradient(int step, int i) { return std::sin(1.0 + 2.0 * step + i) + 0.1 * i; }

  // Six steps of the optimiser against the same six of `formula(w, g, i, step)`, which updates one double in place.
  template <class Formula>
  void follow(us::Optimizer<T>& optimizer, double tolerance, Formula formula) {
    for (int step = 1; step <= 6; ++step) {
      for (int i = 0; i < 5; ++i) w.grad()[static_cast<std::size_t>(i)] = static_cast<T>(gradient(step, i));
      optimizer.step();
      for (int i = 0; i < 5; ++i) {
        double& expected = value[static_cast<std::size_t>(i)];
        formula(expected, gradient(step, i), i, step);
        CAPTURE(step);
        CAPTURE(i);
        CHECK(std::abs(static_cast<double>(w.values()[static_cast<std::size_t>(i)]) - expected) <=
              tolerance * (1 + std::abs(expected)));
      }
    }
  }
};

}  // namespace

TEST_CASE_TEMPLATE("SGD follows its formula with momentum, dampening and weight decay", T, float, double) {
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
  {
    Fixture<T> f;
    us::SGD sgd(f.params, {.lr = 0.1});
    f.follow(sgd, tolerance, [](double& w, double g, int, int) { w -= 0.1 * g; });
  }
  {
    Fixture<T> f;
    us::SGD sgd(f.params, {.lr = 0.1, .momentum = 0.9, .dampening = 0.25, .weight_decay = 0.01});
    double b[5];
    f.follow(sgd, tolerance, [&](double& w, double g, int i, int step) {
      g += 0.01 * w;
      b[i] = step == 1 ? g : 0.9 * b[i] + 0.75 * g;
      w -= 0.1 * b[i];
    });
  }
  {
    Fixture<T> f;
    us::SGD sgd(f.params, {.lr = 0.1, .momentum = 0.8, .nesterov = true});
    double b[5];
    f.follow(sgd, tolerance, [&](double& w, double g, int i, int step) {
      b[i] = step == 1 ? g : 0.8 * b[i] + g;
      w -= 0.1 * (g + 0.8 * b[i]);
    });
  }
}

TEST_CASE_TEMPLATE("RMSprop follows its formula, centered and with momentum", T, float, double) {
  const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-13;
  for (const bool centered : {false, true})
    for (const double momentum : {0.0, 0.7}) {
      Fixture<T> f;
      us::RMSprop rmsprop(
          f.params,
          {.lr = 0.02, .alpha = 0.9, .eps = 1e-3, .weight_decay = 0.05, .momentum = momentum, .centered = centered});
      double v[5] = {}, m[5] = {}, b[5] = {};
      f.follow(rmsprop, tolerance, [&](double& w, double g, int i, int) {
        g += 0.05 * w;
        v[i] = 0.9 * v[i] + 0.1 * g * g;
        m[i] = 0.9 * m[i] + 0.1 * g;
        const double deviation = std::sqrt(v[i] - (centered ? m[i] * m[i] : 0)) + 1e-3;
        b[i] = momentum * b[i] + g / deviation;
        w -= 0.02 * b[i];
      });
    }
}

TEST_CASE_TEMPLATE("Adagrad follows its formula with a decaying rate", T, float, double) {
  Fixture<T> f;
  us::Adagrad adagrad(f.params, {.lr = 0.3, .lr_decay = 0.1, .weight_decay = 0.02, .initial_accumulator_value = 0.5});
  double s[5] = {0.5, 0.5, 0.5, 0.5, 0.5};
  f.follow(adagrad, sizeof(T) == 4 ? 5e-6 : 1e-14, [&](double& w, double g, int i, int step) {
    g += 0.02 * w;
    s[i] += g * g;
    w -= 0.3 / (1 + (step - 1) * 0.1) * g / (std::sqrt(s[i]) + 1e-10);
  });
}

TEST_CASE_TEMPLATE("Adam adds weight decay to the gradient and AdamW to the weight", T, float, double) {
  for (const bool decoupled : {false, true}) {
    Fixture<T> f;
    std::unique_ptr<us::Optimizer<T>> optimizer;
    if (decoupled)
      optimizer = std::make_unique<us::AdamW<T>>(
          f.params, us::AdamWOptions{.lr = 0.05, .beta1 = 0.8, .beta2 = 0.9, .weight_decay = 0.1});
    else
      optimizer = std::make_unique<us::Adam<T>>(
          f.params, us::AdamOptions{.lr = 0.05, .beta1 = 0.8, .beta2 = 0.9, .weight_decay = 0.1});
    double m[5] = {}, v[5] = {};
    f.follow(*optimizer, sizeof(T) == 4 ? 1e-5 : 1e-13, [&](double& w, double g, int i, int step) {
      if (decoupled)
        w *= 1 - 0.05 * 0.1;
      else
        g += 0.1 * w;
      m[i] = 0.8 * m[i] + 0.2 * g;
      v[i] = 0.9 * v[i] + 0.1 * g * g;
      w -= 0.05 * (m[i] / (1 - std::pow(0.8, step))) / (std::sqrt(v[i] / (1 - std::pow(0.9, step))) + 1e-8);
    });
  }
}

TEST_CASE("a parameter without a gradient still decays and keeps its momentum going") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::constant(1));
  us::SGD sgd(params, {.lr = 0.1, .momentum = 0.5, .weight_decay = 0.2});
  sgd.step();  // b = 0.2, w = 0.98
  CHECK(w.values()[0] == doctest::Approx(0.98).epsilon(1e-14));
  sgd.step();  // b = 0.1 + 0.196
  CHECK(w.values()[1] == doctest::Approx(0.98 - 0.1 * 0.296).epsilon(1e-14));
  CHECK(w.grad_is_zero());
}

TEST_CASE("the first gradient after a step without one is assigned, not added to stale memory") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {1}, us::constant(2));
  us::SGD sgd(params, {.lr = 0.5});
  us::Tape<double> tape;
  for (int i = 0; i < 2; ++i) {
    tape.reset();
    params.zero_grad();
    sgd.step();
    const us::Var y = tape.ones({1}) * w * 3.0;
    tape.backward(y);
    CHECK(w.grad()[0] == 3);
  }
  CHECK(w.values()[0] == 2);
}

TEST_CASE("a frozen parameter is left alone and its step count with it") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {1}, us::constant(1));
  us::Adam adam(params, {.lr = 0.25});
  w.grad()[0] = 3;
  w.set_trainable(false);
  adam.step();
  adam.step();
  CHECK(w.values()[0] == 1);
  w.set_trainable(true);
  adam.step();  // Adam's first step has length lr whatever the gradient
  CHECK(w.values()[0] == doctest::Approx(0.75).epsilon(1e-8));
}

TEST_CASE("set_lr changes the next step, and a tape that read the old value refuses to walk back") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {1}, us::constant(1));
  us::SGD sgd(params, {.lr = 1});
  us::Tape<double> tape;
  const us::Var y = tape.scalar(1) * w;
  sgd.set_lr(0.125);
  CHECK(sgd.lr() == 0.125);
  w.grad()[0] = 2;
  sgd.step();
  CHECK(w.values()[0] == 0.75);
  CHECK_THROWS_AS(tape.backward(y), us::Error);
}

TEST_CASE("an optimiser may outlive the parameter set") {
  auto params = std::make_unique<us::ParameterSet<float>>();
  params->add("w", {3}, us::ones());
  us::RMSprop rmsprop(*params);
  params.reset();
  CHECK_NOTHROW(rmsprop.step());
}

TEST_CASE("options outside their range are rejected, naming option and value") {
  us::ParameterSet<float> params;
  params.add("w", {1}, us::zeros());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  UNSPOOL_CHECK_ERROR((us::SGD(params, {.lr = -1})), bad_argument, "SGD: lr must be finite and at least 0; given -1");
  UNSPOOL_CHECK_ERROR((us::SGD(params, {.lr = nan})), bad_argument, "lr must be");
  UNSPOOL_CHECK_ERROR((us::SGD(params, {.momentum = -0.1})), bad_argument, "momentum must be");
  UNSPOOL_CHECK_ERROR((us::SGD(params, {.dampening = nan})), bad_argument, "dampening must be");
  UNSPOOL_CHECK_ERROR((us::SGD(params, {.weight_decay = -0.1})), bad_argument, "weight_decay must be");
  UNSPOOL_CHECK_ERROR((us::SGD(params, {.nesterov = true})), bad_argument, "nesterov needs momentum");
  UNSPOOL_CHECK_ERROR((us::SGD(params, {.momentum = 0.9, .dampening = 0.1, .nesterov = true})), bad_argument,
                      "nesterov needs");
  UNSPOOL_CHECK_ERROR((us::RMSprop(params, {.alpha = 1})), bad_argument, "alpha must be in 0..1, 1 excluded; given 1");
  UNSPOOL_CHECK_ERROR((us::RMSprop(params, {.eps = nan})), bad_argument, "eps must be");
  UNSPOOL_CHECK_ERROR((us::RMSprop(params, {.momentum = -1})), bad_argument, "momentum must be");
  UNSPOOL_CHECK_ERROR((us::Adagrad(params, {.lr_decay = -1})), bad_argument, "lr_decay must be");
  UNSPOOL_CHECK_ERROR((us::Adagrad(params, {.initial_accumulator_value = -1})), bad_argument,
                      "initial_accumulator_value must be");
  UNSPOOL_CHECK_ERROR((us::Adam(params, {.beta1 = 1})), bad_argument, "Adam: beta1 must be");
  UNSPOOL_CHECK_ERROR((us::Adam(params, {.beta2 = -0.1})), bad_argument, "beta2 must be");
  UNSPOOL_CHECK_ERROR((us::AdamW(params, {.weight_decay = nan})), bad_argument, "AdamW: weight_decay must be");
  us::Adam adam(params);
  UNSPOOL_CHECK_ERROR(adam.set_lr(-1), bad_argument, "Adam: lr must be");
  CHECK(adam.lr() == 1e-3);
}
