#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "tape/tape_core.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::difference;
using Values = std::vector<double>;

TEST_CASE("backward visits each node once, however many paths lead through it") {
  // Sixty additions of a value to itself: 2^60 paths.
  us::Tape<double> tape;
  const us::Var x = tape.variable({}, Values{1});
  us::Var y = x * 1.0;
  for (int i = 0; i < 60; ++i) y = y + y;
  tape.backward(y);
  CHECK(tape.stats().backward_visits == tape.stats().nodes);
  CHECK(x.grad()[0] == std::ldexp(1.0, 60));
}

TEST_CASE("a gradient that an earlier walked use has begun is added to, not assigned") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{0.5, -1});
  const us::Var h = x * 1.0;
  const us::Var y = sum(tanh(h)), z = sum(h * 3.0);
  tape.backward(y + z);
  CHECK(difference(x.grad(), Values{3 + 1 - std::pow(std::tanh(0.5), 2), 3 + 1 - std::pow(std::tanh(1), 2)}) == "");
}

TEST_CASE("gradients of parameters and variables add up over walks until they are zeroed") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::constant(2));
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{3, 4});
  tape.backward(sum(x * w));
  tape.backward(sum(x * w));
  CHECK(difference(w.grad(), Values{6, 8}) == "");
  CHECK(difference(x.grad(), Values{4, 4}) == "");
  w.zero_grad();
  tape.backward(sum(x * w));
  CHECK(difference(w.grad(), Values{3, 4}) == "");
}

TEST_CASE("backward starts from any seed, and from a leaf") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({3}, Values{1, 2, 3});
  tape.backward(x * 2.0, Values{1, 10, 100});
  CHECK(difference(x.grad(), Values{2, 20, 200}) == "");
  tape.backward(x, Values{1, 1, 1});
  CHECK(difference(x.grad(), Values{3, 21, 201}) == "");
  us::ParameterSet<double> params;
  auto& w = params.add("w", {}, us::ones());
  tape.backward(tape.parameter(w));
  CHECK(w.grad()[0] == 1);
}

TEST_CASE("a loss of more than one element, or a seed of another size, is refused") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{1, 2});
  UNSPOOL_CHECK_ERROR(tape.backward(x * 2.0), not_scalar,
                      "backward: the loss must have one element; its shape is [2]; at %1");
  UNSPOOL_CHECK_ERROR(tape.backward(x * 2.0, Values{1}), not_scalar,
                      "the seed must have the size of the value; given 1 for [2]");
  CHECK(tape.stats().backward_visits == 0);
  tape.backward(sum(x));
  CHECK(difference(x.grad(), Values{1, 1}) == "");
}

TEST_CASE("a loss that depends on nothing with a gradient is refused") {
  us::Tape<double> tape;
  UNSPOOL_CHECK_ERROR(tape.backward(sum(tape.ones({2}))), no_gradient,
                      "backward: the loss depends on no parameter and no variable; at %1");
}

TEST_CASE("walking a recording twice is refused and changes nothing, whole or in part") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::constant(0.5));
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{1, 2});
  const us::Var shared = tanh(x * w);
  const us::Var first = sum(shared), second = sum(shared * 2.0);
  tape.backward(first);
  const Values dw(w.grad().begin(), w.grad().end()), dx(x.grad().begin(), x.grad().end());
  UNSPOOL_CHECK_ERROR(tape.backward(first), backward_twice,
                      "%4 (sum, backward.cpp:87) was walked by an earlier backward; at %4");
  UNSPOOL_CHECK_ERROR(tape.backward(second), backward_twice,
                      "%3 (tanh, backward.cpp:86) was walked by an earlier backward; %5 (mul_scalar, ");
  CHECK(difference(w.grad(), dw, us::test::exact) == "");
  CHECK(difference(x.grad(), dx, us::test::exact) == "");
  // What shares only leaves is another matter.
  tape.backward(sum(x * w));
  CHECK(difference(w.grad(), Values{dw[0] + 1, dw[1] + 2}) == "");
}

TEST_CASE("a second walk does not hand on the kept gradients of the first again") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({1}, Values{2});
  const us::Var h = x * 3.0;
  tape.keep_grad(h);
  tape.backward(h * 5.0);
  CHECK(x.grad()[0] == 15);
  const us::Var other = tape.variable({1}, Values{1});
  tape.backward(other * 7.0);
  CHECK(x.grad()[0] == 15);
  CHECK(h.grad()[0] == 5);
  CHECK(other.grad()[0] == 7);
}

TEST_CASE("a kept value that the first loss does not use has zeros, and a later walk may still use it") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({1}, Values{2});
  const us::Var h = x * 3.0;
  tape.keep_grad(h);
  const us::Var apart = x * 1.0;
  tape.backward(apart);
  CHECK(h.grad()[0] == 0);
  tape.backward(tape.variable({1}, Values{1}) * 2.0);  // walks past h
  tape.backward(h * 5.0);
  CHECK(h.grad()[0] == 5);
  CHECK(x.grad()[0] == 16);
}

TEST_CASE("keep_grad keeps an inner gradient; without it, or before backward, there is none") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{1, 2});
  const us::Var h = x * 3.0, g = h * 2.0;
  tape.keep_grad(h);
  UNSPOOL_CHECK_ERROR(h.grad(), no_gradient, "backward() has not been run");
  tape.backward(sum(g));
  CHECK(difference(h.grad(), Values{2, 2}) == "");
  UNSPOOL_CHECK_ERROR(g.grad(), no_gradient, "grad: %2 (mul_scalar) keeps no gradient");
  UNSPOOL_CHECK_ERROR(tape.keep_grad(g), no_gradient, "keep_grad: must be called before backward()");
}

TEST_CASE("a kept view has its own gradient, not what others add to the memory it lies in") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({4}, Values{1, 2, 3, 4});
  const us::Var h = x * 1.0;
  const us::Var v = reshape(h, std::vector<std::int64_t>{2, 2});
  const us::Var part = slice(v, 0, 1, 2);
  tape.keep_grad(v);
  tape.keep_grad(part);
  const us::Var loss = sum(part * 10.0) + sum(v * 2.0) + sum(h * 3.0);
  tape.backward(loss);
  CHECK(difference(part.grad(), Values{10, 10}) == "");
  CHECK(difference(v.grad(), Values{2, 2, 12, 12}) == "");
  CHECK(difference(x.grad(), Values{5, 5, 15, 15}) == "");
}

TEST_CASE("a parameter written between forward and backward is refused, a frozen one too") {
  for (const bool frozen : {false, true}) {
    us::ParameterSet<double> params;
    auto& w = params.add("encoder.w", {2}, us::ones());
    w.set_trainable(!frozen);
    us::Tape<double> tape;
    const us::Var x = tape.variable({2}, Values{1, 2});
    const us::Var loss = sum(x * w);
    w.mutable_values()[0] = 5;
    UNSPOOL_CHECK_ERROR(tape.backward(loss), parameter_changed,
                        "backward: encoder.w was written after this tape read it");
    UNSPOOL_CHECK_ERROR(x * w, parameter_changed, "encoder.w was written after this tape first read it");
    CHECK(w.grad_is_zero());
    tape.reset();
    const us::Var again = tape.variable({2}, Values{1, 2});
    tape.backward(sum(again * w));
    CHECK(difference(again.grad(), Values{5, 1}) == "");
  }
}

TEST_CASE("a parameter that is written after the loss first used another is no concern of that loss") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {1}, us::ones());
  auto& late = params.add("late", {1}, us::ones());
  us::Tape<double> tape;
  const us::Var x = tape.variable({1}, Values{2});
  const us::Var loss = x * w;
  (void)(x * late);
  late.mutable_values()[0] = 3;
  tape.backward(loss);
  CHECK(w.grad()[0] == 2);
}

TEST_CASE("unused, late and frozen parameters have exact zeros") {
  us::ParameterSet<double> params;
  auto& used = params.add("used", {2}, us::ones());
  auto& unused = params.add("unused", {2, 3}, us::ones());
  auto& late = params.add("late", {2}, us::ones());
  auto& frozen = params.add("frozen", {2}, us::ones());
  frozen.set_trainable(false);
  us::Tape<double> tape;
  const us::Var loss = sum(tape.ones({2}) * used * frozen);
  (void)(tape.ones({2}) * late);  // recorded after the loss
  tape.backward(loss);
  CHECK(difference(used.grad(), Values{1, 1}) == "");
  for (us::Parameter<double>* p : {&unused, &late, &frozen})
    CHECK(difference(p->grad(), Values(static_cast<std::size_t>(p->size()), 0.0), us::test::exact) == "");
}

TEST_CASE("empty tensors are walked like any other") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {0, 3}, us::xavier_uniform());
  auto& b = params.add("b", {3}, us::zeros());
  us::Tape<double> tape;
  const us::Var x = tape.variable({2, 0}, Values{});
  const us::Var y = matmul(x, w) + b;
  tape.backward(sum(y));
  CHECK(x.grad().empty());
  CHECK(w.grad().empty());
  CHECK(difference(b.grad(), Values{2, 2, 2}) == "");
  const us::Var none = tape.variable({0, 4}, Values{});
  tape.backward(sum(tanh(none)));
  CHECK(none.grad().empty());
}

TEST_CASE("gradient memory follows the live frontier, not the length") {
  us::Tape<double> tape;
  const auto peak = [&](int steps) {
    tape.reset();
    us::Var h = tape.variable({100}, Values(100, 0.1));
    for (int t = 0; t < steps; ++t) h = tanh(h);
    tape.backward(sum(h));
    return tape.stats().gradient_bytes_peak;
  };
  const std::int64_t ten = peak(10);
  CHECK(ten > 0);
  CHECK(peak(1000) == ten);
}

TEST_CASE("gradient norms are those of the gradients that were walked") {
  us::Tape<double> tape({.keep_gradient_norms = true});
  const us::Var x = tape.variable({2}, Values{1, 2});
  const us::Var h = x * 3.0;
  tape.backward(h * 2.0, Values{3, 4});
  CHECK(tape.core()->gradient_norms()[h.index()] == doctest::Approx(10));
}
