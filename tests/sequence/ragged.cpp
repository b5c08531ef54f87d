// Ragged batches: every row's outputs, final states and gradients are those of the row alone.
#include <doctest/doctest.h>

#include "sequence/rows_alone.hpp"
#include "support/layers.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

template <class Layer, class Options>
void check_layer(Options options) {
  options.input = 3;
  options.hidden = 4;
  for (const int layers : {1, 2})
    for (const bool bidirectional : {false, true}) {
      options.layers = layers;
      options.bidirectional = bidirectional;
      us::ParameterSet<double> params(us::Seed{5});
      us::test::check_stack_rows(Layer(params, "rnn", options), params);
    }
}

}  // namespace

TEST_CASE("a row of a ragged batch through LSTMs equals the row alone, values and gradients") {
  check_layer<us::LSTM<double>>(us::LSTMOptions{});
  check_layer<us::LSTM<double>>(us::LSTMOptions{.residual = true, .fused = false});
  check_layer<us::LSTM<double>>(us::LSTMOptions{.projection = 2, .peephole = true});
  check_layer<us::LSTM<double>>(us::LSTMOptions{.layer_norm = true});
}

TEST_CASE("a row of a ragged batch through GRUs equals the row alone, values and gradients") {
  check_layer<us::GRU<double>>(us::GRUOptions{});
  check_layer<us::GRU<double>>(us::GRUOptions{.residual = true, .fused = false});
  check_layer<us::GRU<double>>(us::GRUOptions{.reset = us::Reset::before});
}

TEST_CASE("a row of a ragged batch through plain recurrent layers equals the row alone, values and gradients") {
  check_layer<us::RNN<double>>(us::RNNOptions{});
  check_layer<us::RNN<double>>(us::RNNOptions{.nonlinearity = us::Nonlinearity::relu, .fused = false});
  check_layer<us::RNN<double>>(us::RNNOptions{.leak = 0.3, .learn_leak = true});
}

TEST_CASE("a ragged batch read in windows, the state carried, ends as it does in one piece") {
  constexpr std::int64_t I = 3, H = 4;
  us::ParameterSet<double> params(us::Seed{5});
  const us::LSTM lstm(params, "rnn", {.input = I, .hidden = H, .layers = 2});
  const Lengths lengths{4, 9, 0, 7, 1, 3};
  constexpr std::int64_t T = 9, B = 6, window = 2;
  us::Tape<double> tape;
  const Var x = tape.input(random_tensor({T, B, I}, 1));
  const auto [ys, end] = lstm(us::Sequence(x, lengths));
  us::LSTMState<double> state{tape.zeros({2, B, H}), tape.zeros({2, B, H})};
  for (std::int64_t from = 0; from < T; from += window) {
    const std::int64_t to = std::min(from + window, T);
    Lengths left;
    for (const std::int64_t length : lengths) left.push_back(std::clamp<std::int64_t>(length - from, 0, to - from));
    const auto [zs, next] = lstm(us::Sequence(slice(x, 0, from, to), left), state);
    CHECK(difference(zs.padded().values(), slice(ys.padded(), 0, from, to).values(), us::test::exact) == "");
    state = next;
  }
  CHECK(difference(state.h.values(), end.h.values(), us::test::exact) == "");
  CHECK(difference(state.c.values(), end.c.values(), us::test::exact) == "");
}

TEST_CASE("a row has the bits that it has alone, in float too") {
  us::ParameterSet<float> params(us::Seed{5});
  const us::LSTM<float> lstm(params, "rnn", {.input = 5, .hidden = 17, .layers = 2, .bidirectional = true});
  const Lengths lengths{4, 9, 0, 7, 1, 9, 3};
  const auto B = static_cast<std::int64_t>(lengths.size());
  const us::Tensor<float> x = random_tensor<float>({9, B, 5}, 1);
  us::Tape tape;
  const us::Var<float> ys = lstm(us::Sequence(tape.input(x), lengths)).outputs.padded();
  for (std::int64_t b = 0; b < B; ++b) {
    const us::Var<float> one = slice(slice(tape.input(x), 1, b, b + 1), 0, 0, lengths[static_cast<std::size_t>(b)]);
    const us::Var<float> alone = lstm(one).outputs;
    const us::Var<float> row = slice(slice(ys, 1, b, b + 1), 0, 0, lengths[static_cast<std::size_t>(b)]);
    CHECK(difference(row.values(), alone.values(), us::test::exact) == "");
  }
}

TEST_CASE("equal lengths record as many nodes and as many bytes as the padded form") {
  us::ParameterSet<> params(us::Seed{5});
  const us::LSTM lstm(params, "rnn", {.input = 5, .hidden = 8, .layers = 2});
  us::Tape tape;
  const auto cost = [&](auto&& run) {
    tape.reset();
    const us::Var x = tape.ones({20, 3, 5});
    run(x);
    return std::pair(tape.stats().nodes, tape.stats().value_bytes);
  };
  const auto dense = cost([&](const us::Var<>& x) { (void)lstm(x); });
  const auto equal = cost([&](const us::Var<>& x) { (void)lstm(us::Sequence(x, {20, 20, 20})).outputs.padded(); });
  CHECK(dense == equal);
}

TEST_CASE("a ragged batch keeps memory for the steps that exist") {
  us::ParameterSet<> params(us::Seed{5});
  const us::LSTM lstm(params, "rnn", {.input = 16, .hidden = 32});
  us::Tape tape;
  const us::Var x = tape.ones({100, 10, 16});
  const auto cost = [&](const Lengths& lengths) {
    const us::Mark mark = tape.mark();
    const std::int64_t before = tape.stats().value_bytes;
    (void)lstm(us::Sequence(x, lengths));
    const std::int64_t bytes = tape.stats().value_bytes - before;
    tape.rewind(mark);
    return static_cast<double>(bytes);
  };
  const double full = cost(Lengths(10, 100)), half = cost({5, 15, 25, 35, 45, 55, 65, 75, 85, 95});
  CHECK(half < 0.62 * full);
}
