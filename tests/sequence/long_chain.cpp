// Nothing recurses with the length of a sequence: a million steps under a stack that a few thousand frames would fill.
#include <doctest/doctest.h>
#include <pthread.h>

#include <cmath>
#include <memory>
#include <vector>

#include "unspool/error.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"
#include "unspool/tree.hpp"

namespace us = unspool;

namespace {

constexpr int steps = 1'000'000;
constexpr std::size_t stack_bytes = 256 << 10;

struct Result {
  bool done = false;
  double h = 0, dw = 0, dx = 0;
  us::TapeStats stats;
};

// h_t = tanh(w h_{t-1}): records, walks back, and destroys the tape.
void* run(void* out) {
  Result& result = *static_cast<Result*>(out);
  us::ParameterSet<double> params;
  auto& w = params.add("w", {}, us::constant(1.25));
  {
    us::Tape<double> tape;
    const us::Var<double> x = tape.variable({}, std::vector<double>{0.5});
    us::Var<double> h = x;
    for (int t = 0; t < steps; ++t) h = tanh(h * w);
    tape.backward(h);
    result.h = h.item();
    result.dx = x.grad()[0];
    result.stats = tape.stats();
  }
  result.dw = w.grad()[0];
  result.done = true;
  return nullptr;
}

void* run_views(void* out) {
  us::Tape<float> tape;
  const us::Var<float> x = tape.variable({2, 1}, std::vector<float>{1, 2});
  us::Var<float> h = x;
  for (int t = 0; t < steps; ++t) h = reshape(h, std::vector<std::int64_t>{1 + t % 2, 2 - t % 2});
  tape.backward(h, std::vector<float>{3, 4});
  *static_cast<bool*>(out) = x.grad()[0] == 3 && x.grad()[1] == 4;
  return nullptr;
}

// A tree that is one chain, a level a node; and then a cycle of as many.
void* run_chain(void* out) {
  std::vector<std::int64_t> parents(steps);
  for (int i = 0; i < steps; ++i) parents[static_cast<std::size_t>(i)] = i - 1;
  us::ParameterSet<float> params;
  const us::TreeLSTM tree(params, "tree", {.input = 1, .hidden = 1});
  us::Tape<float> tape;
  const us::Forest forest(parents);
  const auto [h, c] = tree(tape.ones({steps, 1}), forest);
  tape.backward(index_select(h, 0, forest.roots()), std::vector<float>{1});
  bool right = forest.levels() == steps && std::isfinite(h.values()[0]) && !params["tree.weight_fh"].grad_is_zero();
  parents[0] = steps - 1;
  try {
    (void)us::Forest(parents);
    right = false;
  } catch (const us::Error& e) {
    right = right && e.code() == us::ErrorCode::bad_argument;
  }
  *static_cast<bool*>(out) = right;
  return nullptr;
}

void on_small_stack(void* (*body)(void*), void* argument) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &attributes, body, argument) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
}

}  // namespace

TEST_CASE("a million steps are recorded, walked back and destroyed under a small stack") {
  Result result;
  on_small_stack(run, &result);
  REQUIRE(result.done);
  // The same by hand.
  std::vector<double> h{0.5};
  for (int t = 0; t < steps; ++t) h.push_back(std::tanh(h.back() * 1.25));
  double dh = 1, dw = 0;
  for (int t = steps; t-- > 0;) {
    const double slope = dh * (1 - h[static_cast<std::size_t>(t) + 1] * h[static_cast<std::size_t>(t) + 1]);
    dw += slope * h[static_cast<std::size_t>(t)];
    dh = slope * 1.25;
  }
  CHECK(result.h == doctest::Approx(h.back()).epsilon(1e-12));
  CHECK(result.dw == doctest::Approx(dw).epsilon(1e-10));
  CHECK(result.dx == doctest::Approx(dh).epsilon(1e-10));
  CHECK(result.stats.nodes == 2 * steps + 2);
  CHECK(result.stats.backward_visits == result.stats.nodes);
  // A scalar's value costs 16 bytes; the gradients alive at once do not grow with the length.
  CHECK(result.stats.value_bytes < 2 * 16 * (steps + 1000));
  CHECK(result.stats.gradient_bytes_peak < 1000);
}

TEST_CASE("a million views of views are walked in one pass") {
  bool right = false;
  on_small_stack(run_views, &right);
  CHECK(right);
}

TEST_CASE(
    "a tree of a million levels is folded and walked back under a small stack, and a cycle of a million is found") {
  bool right = false;
  on_small_stack(run_chain, &right);
  CHECK(right);
}
