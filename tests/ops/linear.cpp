#include <doctest/doctest.h>

#include "support/caught.hpp"
#include "support/uneven.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::error_from;
using us::test::rule_text;
using us::test::uneven_tensor;

namespace {

// One weight used at T steps of a recurrence; returns its gradients.
struct Recurrence {
  std::vector<double> weight, bias;
  us::TapeStats stats;
};

Recurrence run_recurrence(bool defer, int steps) {
  us::ParameterSet<double> params(us::Seed{3});
  auto& w = params.add("w", {4, 4}, us::orthogonal());
  auto& b = params.add("b", {4}, us::uniform(-1, 1));
  us::Tape<double> tape(us::TapeOptions{.defer_products = defer});
  us::Var h = tape.variable(uneven_tensor({3, 4}));
  for (int t = 0; t < steps; ++t) h = tanh(linear(h, w, b));
  tape.backward(h, us::test::uneven_weights(h.size()));
  return {{w.grad().begin(), w.grad().end()}, {b.grad().begin(), b.grad().end()}, tape.stats()};
}

}  // namespace

TEST_CASE("linear is a matmul with the transposed weight and an addition, to the bit") {
  us::Tape<float> tape;
  const auto floats = [](const us::Tensor<double>& x) {
    return us::Tensor<float>(x.shape(), std::vector<float>(x.values().begin(), x.values().end()));
  };
  const us::Var x = tape.input(floats(uneven_tensor({5, 7}))), w = tape.input(floats(uneven_tensor({6, 7}, 1)));
  const us::Var b = tape.input(floats(uneven_tensor({6}, 2)));
  CHECK(linear(x, w, b).tensor() == (matmul(x, w, false, true) + b).tensor());
  CHECK(linear(x, w).tensor() == matmul(x, w, false, true).tensor());
}

TEST_CASE("linear treats all leading axes of x as rows") {
  us::Tape<double> tape;
  const us::Var x = tape.input(uneven_tensor({2, 3, 4})), w = tape.input(uneven_tensor({5, 4}, 1));
  const us::Var b = tape.input(uneven_tensor({5}, 2));
  const us::Var y = linear(x, w, b);
  CHECK(y.shape() == us::Shape{2, 3, 5});
  CHECK(reshape(y, {6, 5}).tensor() == linear(reshape(x, {6, 4}), w, b).tensor());
  const us::Var one = linear(select(reshape(x, {6, 4}), 0, 5), w, b);
  CHECK(one.shape() == us::Shape{5});
  CHECK(one.tensor() == select(reshape(y, {6, 5}), 0, 5).tensor());
}

TEST_CASE("T uses of a linear layer cost one flush each for weight and bias, and give the undeferred gradient") {
  const Recurrence deferred = run_recurrence(true, 9), at_once = run_recurrence(false, 9);
  CHECK(deferred.stats.deferred_flushes == 2);
  CHECK(deferred.stats.deferred_entries == 18);
  CHECK(at_once.stats.deferred_flushes == 0);
  for (std::size_t i = 0; i < 16; ++i) CHECK(deferred.weight[i] == doctest::Approx(at_once.weight[i]).epsilon(1e-13));
  for (std::size_t i = 0; i < 4; ++i) CHECK(deferred.bias[i] == doctest::Approx(at_once.bias[i]).epsilon(1e-13));
}

TEST_CASE("the gradients of linear agree with finite differences") {
  us::test::check_gradients(
      {uneven_tensor({2, 3}), uneven_tensor({4, 3}, 1), uneven_tensor({4}, 2)},
      [](auto&, const auto& v) { return linear(tanh(linear(v[0], v[1], v[2])), transpose(v[1])); });
}

TEST_CASE("linear over no rows has no gradient, and over no inputs is its bias") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2, 3}, us::ones());
  auto& b = params.add("b", {2}, us::constant(5));
  auto& narrow = params.add("narrow", {2, 0}, us::zeros());
  us::Tape<double> tape;
  const us::Var none = linear(tape.zeros({0, 3}), w, b);
  CHECK(none.shape() == us::Shape{0, 2});
  const us::Var biased = linear(tape.zeros({3, 0}), narrow, b);
  CHECK(biased.tensor() == us::Tensor<double>({3, 2}, std::vector<double>(6, 5.0)));
  tape.backward(none, std::vector<double>{});
  CHECK(w.grad()[0] == 0);
  CHECK(b.grad()[0] == 0);
  tape.backward(biased, std::vector<double>(6, 1.0));
  CHECK(b.grad()[0] == 3);
}

TEST_CASE("linear rejects what does not fit, and records nothing") {
  us::Tape<double> tape;
  const us::Var x = tape.zeros({2, 3}), w = tape.zeros({4, 3}), b = tape.zeros({4});
  const auto rejects = [&](auto call, const std::string& text) {
    const us::Error e = error_from(call);
    CHECK(e.code() == us::ErrorCode::shape_mismatch);
    CHECK(rule_text(e) == text);
  };
  rejects([&] { linear(x, x, b); }, "linear: the bias must be [2]; operands [2,3], [2,3], [4]");
  rejects([&] { linear(b, w, b); },
          "linear: the last axis of x must match that of the weight, [out,in]; 4 and 3; operands [4], [4,3], [4]");
  rejects([&] { linear(x, b); }, "linear: the weight must have two axes, [out,in]; operands [2,3], [4]");
  rejects([&] { linear(tape.scalar(1), w); }, "linear: x needs an axis or more; operands [], [4,3]");
  rejects([&] { linear(x, w, w); }, "linear: the bias must be [4]; operands [2,3], [4,3], [4,3]");
  CHECK(tape.stats().nodes == 4);  // the scalar
}

TEST_CASE("outer and dot take vectors only") {
  us::Tape<double> tape;
  const us::Var v = tape.input({3}, std::vector<double>{1, 2, 3}), m = tape.zeros({3, 3});
  CHECK(outer(v, v).tensor() == us::Tensor<double>({3, 3}, {1, 2, 3, 2, 4, 6, 3, 6, 9}));
  CHECK(dot(v, v).item() == 14);
  CHECK(dot(tape.zeros({0}), tape.zeros({0})).item() == 0);
  CHECK(rule_text(error_from([&] { outer(v, m); })) == "outer: both operands must have one axis; operands [3], [3,3]");
  CHECK(rule_text(error_from([&] { dot(v, tape.zeros({2})); })) ==
        "dot: both operands must have one axis of the same extent; operands [3], [2]");
}

TEST_CASE("the gradient of outer with respect to a parameter on either side is exact") {
  us::ParameterSet<double> params;
  auto& u = params.add("u", {2}, us::constant(2));
  auto& v = params.add("v", {3}, us::constant(3));
  us::Tape<double> tape;
  const us::Var y = outer(tape.parameter(u), v) + outer(tape.parameter(u), v);
  tape.backward(y, std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(u.grad()[0] == 36);
  CHECK(u.grad()[1] == 90);
  CHECK(v.grad()[0] == 20);
  CHECK(v.grad()[2] == 36);
}
