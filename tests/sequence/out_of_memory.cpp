// Every allocation of a step is made to fail in turn: each time a typed error, and a tape that goes on.
#include <doctest/doctest.h>

#include <cmath>
#include <new>

#include "support/allocations.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/error.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::FailAllocation;
using Values = std::vector<double>;

namespace {

struct Net {
  us::ParameterSet<double> params{us::Seed{3}};
  us::Parameter<double>& w = params.add("w", {160, 160}, us::orthogonal());
  us::Parameter<double>& b = params.add("b", {160}, us::zeros());
  us::Parameter<double>& table = params.add("table", {4, 160}, us::normal());
  us::Tensor<double> x = us::test::random_tensor({3, 160}, 1);
  const std::vector<std::int64_t> ids{3, 1, 0}, flat{480};

  us::Var<double> loss(us::Tape<double>& tape) {
    us::Var<double> h = tape.variable(x);
    const auto scope = tape.scope("net");
    for (int t = 0; t < 40; ++t) {
      const auto step = tape.step(t);
      h = tanh(matmul(h, w) + b + embedding(tape.parameter(table), ids));
    }
    const us::Var<double> wide = us::concat({h, h * 2.0, h * 3.0}, 1);
    tape.keep_grad(h);
    return sum(wide * wide) + sum(reshape(h, flat));
  }

  Values gradients() {
    Values all;
    for (us::Parameter<double>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
    return all;
  }

  Values expected() {
    us::Tape<double> tape;
    params.zero_grad();
    tape.backward(loss(tape));
    return gradients();
  }
};

// Lets through nothing but Error of code out_of_memory; false when nothing failed.
template <class F>
bool fails_typed(std::int64_t at, F f) {
  enum class Outcome { done, typed, other_code, untyped } outcome = Outcome::done;
  bool happened = false;
  {
    const FailAllocation fail(at);
    try {
      f();
    } catch (const us::Error& e) {
      outcome = e.code() == us::ErrorCode::out_of_memory ? Outcome::typed : Outcome::other_code;
    } catch (const std::bad_alloc&) {
      outcome = Outcome::untyped;
    }
    happened = fail.happened();
  }
  CAPTURE(at);
  CHECK(outcome == (happened ? Outcome::typed : Outcome::done));
  return happened;
}

}  // namespace

TEST_CASE("an allocation that fails while recording or walking leaves a tape that goes on") {
  Net net;
  const Values expected = net.expected();
  int failures = 0;
  for (std::int64_t at = 0;; ++at) {
    CAPTURE(at);
    us::Tape<double> tape;
    net.params.zero_grad();
    if (!fails_typed(at, [&] { tape.backward(net.loss(tape)); })) break;
    ++failures;
    // At once, on the same recording; then on a new one.
    net.params.zero_grad();
    const us::Var<double> more = net.loss(tape);
    tape.backward(more);
    CHECK(us::test::difference(net.gradients(), expected) == "");
    tape.reset();
    net.params.zero_grad();
    tape.backward(net.loss(tape));
    CHECK(us::test::difference(net.gradients(), expected) == "");
  }
  CHECK(failures > 10);
  MESSAGE(failures, " allocations failed in turn");
}

TEST_CASE("an allocation that fails while an op is recorded leaves nodes, memory and leaves as they were") {
  Net net;
  int failures = 0;
  for (std::int64_t at = 0;; ++at) {
    CAPTURE(at);
    us::Tape<double> tape;
    const us::Var<double> x = tape.variable(net.x);
    for (int i = 0; i < 340; ++i) (void)(x * 1.0);  // so that nodes and chunks are nearly full
    const us::Mark mark = tape.mark();
    const std::int64_t nodes = tape.stats().nodes, bytes = tape.stats().value_bytes;
    us::Tensor<double> big({3, 3000});
    if (!fails_typed(at, [&] {
          us::Var<double> y = matmul(x, net.w);
          for (int i = 0; i < 30; ++i) y = y + tape.input(big).shape().rank();
        }))
      break;
    ++failures;
    tape.rewind(mark);
    CHECK(tape.stats().nodes == nodes);
    CHECK(tape.stats().value_bytes == bytes);
    net.params.zero_grad();
    tape.backward(sum(matmul(x, net.w)));
    CHECK(us::test::close(net.w.grad()[0], net.x[0] + net.x[160] + net.x[320]));
  }
  CHECK(failures > 0);
}

TEST_CASE("an allocation that fails while tapes and parameters are made is a typed error") {
  int failures = 0;
  for (std::int64_t at = 0;; ++at) {
    std::string name = "a name that is too long to be kept in line";
    us::ParameterSet<double> params;
    if (!fails_typed(at, [&] {
          params.add(std::move(name), {3, 3}, us::orthogonal());
          us::Tape<double> tape, another;
          (void)tape.parameter(params.at(0));
        }))
      break;
    ++failures;
    CHECK(params.size() <= 1);
  }
  CHECK(failures > 3);
}

TEST_CASE("a failed walk gives no parameter garbage: it holds a part of the sum, or zeros") {
  Net net;
  const Values expected = net.expected();
  for (std::int64_t at = 0;; ++at) {
    us::Tape<double> tape;
    const us::Var<double> loss = net.loss(tape);
    net.params.zero_grad();
    // Memory that the gradient buffers would show if they were read unwritten.
    for (us::Parameter<double>& p : net.params) {
      std::fill(p.grad().begin(), p.grad().end(), 1e300);
      p.zero_grad();
    }
    if (!fails_typed(at, [&] { tape.backward(loss); })) break;
    for (const double g : net.gradients()) REQUIRE(std::abs(g) < 1e100);
  }
}

TEST_CASE("an allocation that fails in a ragged bidirectional layer is a typed error, and the tape goes on") {
  us::ParameterSet<double> params(us::Seed{1});
  const us::LSTM lstm(
      params, "lstm",
      {.input = 40, .hidden = 40, .layers = 2, .bidirectional = true, .dropout = 0.1, .variational = true});
  const us::Tensor<double> x = us::test::random_tensor({9, 5, 40}, 1);
  const std::vector<std::int64_t> lengths{3, 9, 0, 7, 1};
  const auto step = [&](us::Tape<double>& tape) {
    const auto [ys, state] = lstm(us::Sequence(tape.input(x), lengths));
    const us::Var<double> loss = sum(square(ys.padded())) + sum(state.h);
    tape.backward(loss);
    return loss.item();
  };
  us::Tape<double> reference;
  const double expected = step(reference);
  int failures = 0;
  for (std::int64_t at = 0;; ++at) {
    us::Tape<double> tape;
    if (!fails_typed(at, [&] { (void)step(tape); })) break;
    ++failures;
    tape.reset();
    tape.seed(0);
    CHECK(step(tape) == expected);
  }
  CHECK(failures > 10);
}
