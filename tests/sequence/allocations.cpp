// A training step allocates nothing from the heap once the tape is warm.
#include "support/allocations.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::allocation_count;

namespace {

template <class T>
struct Trainer {
  static constexpr int steps = 12, batch = 3;
  us::ParameterSet<T> params{us::Seed{2}};
  us::Parameter<T>& table = params.add("table", {7, 4}, us::normal());
  us::Parameter<T>& wx = params.add("wx", {4, 5}, us::xavier_uniform());
  us::Parameter<T>& wh = params.add("wh", {5, 5}, us::orthogonal());
  us::Parameter<T>& b = params.add("b", {5}, us::zeros());
  us::Parameter<T>& v = params.add("v", {6, 5}, us::xavier_uniform());
  us::Tape<T> tape;
  us::Tensor<T> noise = us::test::random_tensor<T>({batch, 5}, 1);
  std::vector<std::int32_t> ids{0, 1, 2};

  us::Var<T> cell(us::Var<T> h) {
    const us::Var<T> x = embedding(tape.parameter(table), ids);
    return tanh(matmul(x, wx) + matmul(h, wh) + b) * 0.9 + tape.input(noise) * 0.1;
  }

  T step() {
    tape.reset();
    params.zero_grad();
    us::Var<T> h = tape.zeros({batch, 5}), loss = tape.scalar(0);
    const us::Mark mark = tape.mark();
    (void)cell(h);
    tape.rewind(mark);
    const auto scope = tape.scope("model");
    for (int t = 0; t < steps; ++t) {
      const auto guard = tape.step(t);
      const auto inner = tape.scope("cell");
      h = cell(h);
      const us::Var<T> joined = us::concat({h, h * 2.0}, 1), first = slice(joined, 1, 0, 5);
      loss += mean(square(linear(dropout(first, 0.1), v))) + sum(reshape(h, {batch * 5})) * 0.01;
      if (t == 5) tape.keep_grad(h);
    }
    tape.backward(loss);
    return loss.item() + wh.grad()[0];
  }
};

template <class T>
void check_warm_steps() {
  Trainer<T> trainer;
  for (int i = 0; i < 3; ++i) trainer.step();
  const std::int64_t before = allocation_count();
  T result = 0;
  for (int i = 0; i < 10; ++i) result = trainer.step();
  const std::int64_t made = allocation_count() - before;
  CHECK(made == 0);
  CHECK(std::isfinite(result));
}

}  // namespace

TEST_CASE("the counter counts") {
  const std::int64_t before = allocation_count();
  int* volatile kept = new int(1);  // volatile, or the compiler may leave both out
  delete kept;
  CHECK(allocation_count() - before == 1);
}

TEST_CASE("a warm training step makes no heap allocation, in double") { check_warm_steps<double>(); }

TEST_CASE("a warm training step makes no heap allocation, in float") { check_warm_steps<float>(); }

TEST_CASE("shorter sequences after a long one allocate nothing, however their lengths vary") {
  us::ParameterSet<float> params(us::Seed{1});
  auto& w = params.add("w", {16, 16}, us::orthogonal());
  us::Tape<> tape;
  const auto step = [&](int length) {
    tape.reset();
    us::Var h = tape.ones({4, 16});
    for (int t = 0; t < length; ++t) {
      const auto guard = tape.step(t);
      h = tanh(matmul(h, w));
    }
    tape.backward(sum(h));
  };
  step(200);
  step(200);
  const std::int64_t before = allocation_count();
  for (const int length : {3, 199, 50, 200, 1, 128}) step(length);
  CHECK(allocation_count() - before == 0);
}

TEST_CASE("two losses on one recording, each walked, allocate nothing once warm") {
  us::ParameterSet<double> params(us::Seed{1});
  auto& w = params.add("w", {4, 4}, us::orthogonal());
  us::Tape<double> tape;
  const auto step = [&] {
    tape.reset();
    const us::Var x = tape.ones({2, 4});
    tape.backward(sum(tanh(matmul(x, w))));
    tape.backward(mean(matmul(x, w)));
  };
  step();
  step();
  const std::int64_t before = allocation_count();
  for (int i = 0; i < 5; ++i) step();
  CHECK(allocation_count() - before == 0);
}

TEST_CASE("a destroyed tape keeps no memory for the next one") {
  us::ParameterSet<double> params(us::Seed{1});
  auto& w = params.add("w", {4, 4}, us::orthogonal());
  const auto use = [&](int length) {
    us::Tape<double> tape({.watch = us::Watch::record, .keep_gradient_norms = true});
    if (length == 0) return;
    us::Var<double> h = tape.ones({2, 4});
    for (int t = 0; t < length; ++t) {
      const auto step = tape.step(t);
      const auto scope = tape.scope(t % 2 == 0 ? "even" : "odd");
      h = tanh(matmul(h, w));
    }
    const us::Var<double> first = sum(h * 1.0), second = sum(matmul(tape.ones({1, 4}), w));
    tape.backward(first);
    tape.backward(second);
  };
  use(10);
  const std::int64_t before = us::test::living_bytes();
  use(3000);
  CHECK(us::test::living_bytes() == before);
}
