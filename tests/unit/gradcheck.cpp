#include "unspool/gradcheck.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/extend.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;
using Values = std::vector<double>;

namespace {

// y = x^3 with a wrong slope where x > 1.
struct BadCube {
  static us::Shape infer(const us::InferArgs& a) { return a.shape(0); }
  template <class T>
  static void forward(const us::ForwardArgs<T>& a) {
    us::map(a.x(0), a.y(), [](T x) { return x * x * x; });
  }
  template <class T>
  static void backward(const us::BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(0), [](T dy, T x) { return dy * (x > 1 ? 2 : 3) * x * x; });
  }
};
constinit const us::OpRule bad_cube = us::make_rule<BadCube>({.name = "bad_cube", .reads = us::Reads::inputs});

}  // namespace

TEST_CASE("gradcheck confirms a recurrence, and leaves values and gradients of parameters as they were") {
  us::ParameterSet<double> params(us::Seed{4});
  auto& w = params.add("w", {3, 3}, us::xavier_uniform());
  auto& b = params.add("b", {3}, us::normal());
  auto& unused = params.add("unused", {2}, us::ones());
  auto& frozen = params.add("frozen", {3}, us::ones());
  frozen.set_trainable(false);
  std::fill(w.grad().begin(), w.grad().end(), 0.25);
  const Values before = us::test::doubles(w.values());
  const auto result = us::check_gradients(
      [&](us::Tape<double>& tape) {
        us::Var<double> h = tape.ones({2, 3});
        for (int t = 0; t < 4; ++t) h = dropout(tanh(matmul(h, w) + b), 0.2) * frozen;
        return sum(h * h);
      },
      params);
  CHECK(result.entries == 9 + 3 + 2);
  CHECK(result.worst < 0.01);
  CHECK(difference(w.values(), before, us::test::exact) == "");
  CHECK(difference(w.grad(), Values(9, 0.25), us::test::exact) == "");
  CHECK(b.grad_is_zero());
  CHECK(unused.grad_is_zero());
}

TEST_CASE("gradcheck names the worst entry of a wrong gradient, the numbers and the caller's line") {
  const us::Tensor<double> x({2, 2}, Values{0.5, 2, 0.25, 3});
  const auto f = [](us::Tape<double>&, std::span<const us::Var<double>> xs) {
    return sum(us::record<double>(bad_cube, {xs[1]}) + xs[0]);
  };
  const int line = __LINE__ + 1;
  const auto e = us::test::error_from([&] { us::check_gradients(f, {us::Tensor<double>({2, 2}), x}); });
  CHECK(e.code() == us::ErrorCode::gradient_mismatch);
  CHECK(us::test::says(
      e,
      "gradcheck: backward must agree with differences within 1e-07 + 1e-05*|value|; input 1[1,1] is 18 by "
      "backward and "));
  CHECK(us::test::says(e, "2 of 8 entries that do not agree; at gradcheck.cpp:" + std::to_string(line) + " (E022)"));
  CHECK_NOTHROW(us::check_gradients(f, {us::Tensor<double>({2, 2}), us::Tensor<double>({2, 2})}));
}

TEST_CASE("gradcheck puts values back when the function throws in the middle") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::constant(0.5));
  std::fill(w.grad().begin(), w.grad().end(), 3.0);
  int calls = 0;
  const auto f = [&](us::Tape<double>& tape) {
    if (++calls == 4) (void)matmul(tape.ones({2, 2}), tape.ones({3, 2}));
    return sum(tape.ones({2}) * w);
  };
  CHECK(us::test::error_from([&] { us::check_gradients(f, params); }).code() == us::ErrorCode::shape_mismatch);
  CHECK(difference(w.values(), Values{0.5, 0.5}, us::test::exact) == "");
  CHECK(difference(w.grad(), Values{3, 3}, us::test::exact) == "");
}

TEST_CASE("gradcheck refuses a function that is no loss, not finite, or not the same at every call") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::ones());
  UNSPOOL_CHECK_ERROR(us::check_gradients([&](us::Tape<double>& tape) { return tape.ones({2}) * w; }, params),
                      not_scalar, "gradcheck: the loss must have one element; its shape is [2]");
  UNSPOOL_CHECK_ERROR(
      us::check_gradients([&](us::Tape<double>& tape) { return sum(log(tape.ones({2}) * w - 1.0)); }, params),
      nonfinite, "gradcheck: the loss must be finite; it is -inf");
  double drift = 0;
  UNSPOOL_CHECK_ERROR(
      us::check_gradients([&](us::Tape<double>& tape) { return sum(tape.ones({2}) * w * (drift += 1)); }, params),
      bad_argument, "gradcheck: the function must give the same loss at every call; two calls gave 2 and 4");
}

TEST_CASE("gradcheck tries as many entries as asked") {
  us::ParameterSet<double> params(us::Seed{1});
  auto& w = params.add("w", {50, 50}, us::normal());
  const auto f = [&](us::Tape<double>& tape, std::span<const us::Var<double>> xs) {
    (void)tape;
    return sum(tanh(matmul(xs[0], w)));
  };
  const std::vector<us::Tensor<double>> inputs{random_tensor({2, 50}, 1)};
  const auto result = us::check_gradients(f, params, inputs, {.entries = 10, .seed = 3});
  CHECK(result.entries == 20);
  CHECK(result.worst <= 1);
}

TEST_CASE("gradcheck reaches its tolerance over large and small values") {
  for (const double size : {1e-3, 1.0, 50.0}) {
    const auto result = us::check_gradients(
        [](us::Tape<double>&, std::span<const us::Var<double>> xs) {
          return sum(exp(sin(xs[0]))) + sum(xs[0] * xs[0]);
        },
        {random_tensor({5}, 1, size, 1.5 * size)});
    CHECK(result.worst < 0.1);
  }
}
