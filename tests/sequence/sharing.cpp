// The gradient of a parameter used at T steps is the sum over T unshared copies, whatever the graph.
#include <doctest/doctest.h>

#include "support/layers.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

constexpr int steps = 6;
using Parameter = us::Parameter<double>;
using Tape = us::Tape<double>;

// Build(tape, w) records the loss; w(name, t) is the parameter to use at step t.
template <class Build>
void check_sharing(std::vector<std::pair<std::string, us::Shape>> shapes, Build build) {
  us::ParameterSet<double> shared(us::Seed{21}), copies(us::Seed{21});
  for (const auto& [name, shape] : shapes) {
    auto& p = shared.add(name, shape, us::normal(0, 0.4));
    for (int t = 0; t < steps; ++t) {
      auto& copy = copies.add(name + std::to_string(t), shape, us::zeros());
      std::copy(p.values().begin(), p.values().end(), copy.mutable_values().begin());
    }
  }
  Tape apart;
  apart.backward(build(apart, [&](const char* name, int t) -> Parameter& { return copies[name + std::to_string(t)]; }));
  for (const bool defer : {true, false}) {
    shared.zero_grad();
    Tape together({.defer_products = defer});
    const Var loss = build(together, [&](const char* name, int) -> Parameter& { return shared[name]; });
    together.backward(loss);
    CHECK(together.stats().backward_visits == together.stats().nodes);
    for (const auto& [name, shape] : shapes) {
      Values expected(static_cast<std::size_t>(shape.size()), 0.0);
      for (int t = 0; t < steps; ++t)
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += copies[name + std::to_string(t)].grad()[i];
      CAPTURE(name);
      CHECK(us::test::difference(shared[name].grad(), expected) == "");
      CHECK(us::test::difference(expected, Values(expected.size(), 0.0)) != "");
    }
  }
}

}  // namespace

TEST_CASE("shared gradients are sums: a plain recurrence, loss at the end or at every step") {
  for (const int batch : {1, 3})
    for (const bool every : {false, true})
      check_sharing({{"wx", {2, 4}}, {"wh", {4, 4}}, {"b", {4}}}, [&](Tape& tape, auto w) {
        Var h = tape.zeros({batch, 4}), loss = tape.scalar(0);
        for (int t = 0; t < steps; ++t) {
          const Var x = tape.input(random_tensor({batch, 2}, static_cast<std::uint64_t>(t)));
          h = tanh(matmul(x, w("wx", t)) + matmul(h, w("wh", t)) + w("b", t));
          if (every || t + 1 == steps) loss += sum(h * h);
        }
        return loss;
      });
}

TEST_CASE("shared gradients are sums: skip connections through time and a parameter used twice a step") {
  check_sharing({{"w", {3, 3}}, {"a", {3}}}, [&](Tape& tape, auto w) {
    std::vector<Var> h{tape.input(random_tensor({2, 3}, 1)), tape.input(random_tensor({2, 3}, 2))};
    for (int t = 0; t < steps; ++t) {
      const Var near = matmul(h[h.size() - 1], w("w", t)), far = matmul(h[h.size() - 2], w("w", t), false, true);
      h.push_back(tanh(near * w("a", t) + far * w("a", t) + h.back()));
    }
    return sum(h.back() * h[4]);
  });
}

TEST_CASE("shared gradients are sums: a tree") {
  check_sharing({{"w", {6, 3}}, {"b", {3}}}, [&](Tape& tape, auto w) {
    std::vector<Var> level;
    for (int i = 0; i < 8; ++i) level.push_back(tape.input(random_tensor({1, 3}, static_cast<std::uint64_t>(i))));
    int used = 0;
    while (level.size() > 1) {
      std::vector<Var> next;
      for (std::size_t i = 0; i + 1 < level.size(); i += 2, ++used)
        next.push_back(
            tanh(matmul(us::concat({level[i], level[i + 1]}, 1), w("w", used % steps)) + w("b", used % steps)));
      level = next;
    }
    return sum(level[0] * level[0]);
  });
}

TEST_CASE("shared gradients are sums: an embedding tied to the output layer") {
  check_sharing({{"table", {5, 3}}, {"wh", {3, 3}}}, [&](Tape& tape, auto w) {
    Var h = tape.zeros({2, 3}), loss = tape.scalar(0);
    for (int t = 0; t < steps; ++t) {
      const Var x = embedding(tape.parameter(w("table", t)), {(2 * t) % 5, (t * t + 1) % 5});
      h = tanh(x + matmul(h, w("wh", t)));
      loss += cross_entropy(matmul(h, w("table", t), false, true), {t % 5, (t + 3) % 5});
    }
    return loss;
  });
}

TEST_CASE("shared gradients are sums: views and elementwise uses of a parameter") {
  check_sharing({{"w", {3, 4}}}, [&](Tape& tape, auto w) {
    Var h = tape.input(random_tensor({2, 3}, 5));
    for (int t = 0; t < steps; ++t) {
      const Var all = tape.parameter(w("w", t));
      const Var square = slice(all, 1, 0, 3), last = reshape(slice(all, 1, 3, 4), std::vector<std::int64_t>{3});
      h = tanh(matmul(h, square) + last + h * sum(slice(all, 0, 1, 2)));
    }
    return sum(h);
  });
}
