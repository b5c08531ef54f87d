// Budgets against the heap: what operator new has given, not what the tape says that it took.
#include <doctest/doctest.h>

#include "support/allocations.hpp"
#include "support/random_tensor.hpp"
#include "unspool/unspool.hpp"

namespace us = unspool;
using us::test::random_tensor;

namespace {

using std::int64_t;

/// The most bytes that a training step had at once beyond those that were there before it.
template <class F>
int64_t heap_of(F step) {
  const int64_t before = us::test::living_bytes();
  us::test::restart_peak();
  step();
  return us::test::peak_bytes() - before;
}

constexpr int64_t B = 256, I = 8, H = 32;

template <class Layer, class... Options>
int64_t layer_heap(us::ParameterSet<>& params, const Layer& layer, int64_t steps, const Options&... options) {
  us::Tape<> tape;
  const us::Var<> x = tape.input(random_tensor<float>({steps, B, I}, 1));
  return heap_of([&] {
    params.zero_grad();
    tape.backward(sum(layer(x, options...).outputs));
  });
}

}  // namespace

TEST_CASE("an unroll within a budget takes no more of the heap than that and what two steps take without one") {
  us::ParameterSet<> params(us::Seed{1});
  us::LSTMCell<> cell(params, "lstm", {.input = I, .hidden = H});
  const auto heap = [&](int64_t steps, int64_t memory) {
    us::Tape<> tape;
    const us::Var<> x = tape.input(random_tensor<float>({steps, B, I}, 1));
    return heap_of([&] {
      params.zero_grad();
      auto [ys, last] = us::unroll(cell, x, cell.zero_state(tape, B), {.memory = memory, .outputs = false});
      tape.backward(sum(last.h));
    });
  };
  constexpr int64_t T = 200;
  heap(2, us::UnrollOptions::unlimited);  // what is made once
  const int64_t two = heap(2, us::UnrollOptions::unlimited), full = heap(T, us::UnrollOptions::unlimited);
  CHECK(full > us::MiB(50));
  for (const int64_t memory : {full / 50, full / 20, full / 10, full / 4, full / 2}) {
    CAPTURE(memory);
    const int64_t taken = heap(T, memory);
    CHECK(taken <= memory + two);
    CHECK(taken > memory / 2);
  }
}

TEST_CASE("a layer within a budget takes no more of the heap than that and what two steps take without one") {
  for (const bool bidirectional : {false, true}) {
    CAPTURE(bidirectional);
    us::ParameterSet<> params(us::Seed{1});
    us::LSTM<> lstm(params, "lstm",
                    {.input = I, .hidden = H, .layers = 2, .bidirectional = bidirectional, .dropout = 0.2});
    constexpr int64_t T = 100;
    layer_heap(params, lstm, 2);
    const int64_t two = layer_heap(params, lstm, 2), full = layer_heap(params, lstm, T);
    CHECK(full > us::MiB(50));
    for (const int64_t memory : {full / 2, full * 2 / 3}) {
      CAPTURE(memory);
      const int64_t taken = layer_heap(params, lstm, T, us::RunOptions{.memory = memory});
      CHECK(taken <= memory + two);
      CHECK(taken > memory / 2);
    }
  }
}

TEST_CASE("a stream within a budget takes no more of the heap than that and what two steps take without one") {
  us::ParameterSet<> params(us::Seed{1});
  us::LSTMCell<> cell(params, "lstm", {.input = I, .hidden = H});
  const us::Tensor<float> x = random_tensor<float>({B, I}, 1);
  const auto heap = [&](int64_t steps, int64_t memory) {
    us::Tape<> tape;
    return heap_of([&] {
      params.zero_grad();
      const auto step = [&](int64_t, const us::LSTMState<>& s) {
        const us::LSTMState<> next = cell(tape.input(x), s);
        return std::pair(mean(square(next.h)), next);
      };
      auto [loss, last] =
          us::unroll([=](int64_t t) { return t < steps; }, step, cell.zero_state(tape, B), {.memory = memory});
      tape.backward(loss);
    });
  };
  constexpr int64_t T = 200;
  heap(2, us::UnrollOptions::unlimited);
  const int64_t two = heap(2, us::UnrollOptions::unlimited), full = heap(T, us::UnrollOptions::unlimited);
  CHECK(full > us::MiB(50));
  for (const int64_t memory : {full / 20, full / 10, full / 4}) {
    CAPTURE(memory);
    CHECK(heap(T, memory) <= memory + two);
  }
}
