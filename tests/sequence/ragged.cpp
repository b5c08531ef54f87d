// Ragged batches: every row's outputs, final states and gradients are those of the row alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;
using Var = us::Var<double>;
using Values = std::vector<double>;
using Lengths = std::vector<std::int64_t>;

namespace {

constexpr std::int64_t I = 3, H = 4;
constexpr us::test::Tolerance outputs{1e-12, 1e-12};
constexpr us::test::Tolerance gradients{1e-11, 1e-11};

std::vector<Var> parts(const Var& h) { return {h}; }
std::vector<Var> parts(const us::LSTMState<double>& s) { return {s.h, s.c}; }
Var state_of(const std::vector<Var>& parts, Var*) { return parts[0]; }
us::LSTMState<double> state_of(const std::vector<Var>& parts, us::LSTMState<double>*) { return {parts[0], parts[1]}; }

/// One or more rows of a batch: x [T,B,I], initial states [layers * directions,B,H], and weights that tell every number
/// of the outputs and of the final states apart.
struct Batch {
  us::Tensor<double> x, output_weights;
  std::vector<us::Tensor<double>> initial, state_weights;
  Lengths lengths;
};

us::Tensor<double> row_of(const us::Tensor<double>& x, std::int64_t row, std::int64_t steps) {
  const std::int64_t batch = x.shape()[1], width = x.shape()[2];
  us::Tensor<double> one({steps, 1, width});
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t k = 0; k < width; ++k) one[t * width + k] = x[(t * batch + row) * width + k];
  return one;
}

/// The row alone, cut to its length.
Batch alone(const Batch& all, std::int64_t row) {
  const std::int64_t length = all.lengths[static_cast<std::size_t>(row)];
  Batch one{row_of(all.x, row, length), row_of(all.output_weights, row, length), {}, {}, {length}};
  for (const auto& s : all.initial) one.initial.push_back(row_of(s, row, s.shape()[0]));
  for (const auto& s : all.state_weights) one.state_weights.push_back(row_of(s, row, s.shape()[0]));
  return one;
}

struct Result {
  us::Tensor<double> outputs, dx;
  std::vector<us::Tensor<double>> last, dinitial;
  Values dparams;
};

us::Tensor<double> gradient(const Var& x) {
  return us::Tensor<double>(x.shape(), Values(x.grad().begin(), x.grad().end()));
}

template <class Layer>
Result run(const Layer& layer, us::ParameterSet<double>& params, const Batch& batch) {
  us::Tape<double> tape;
  params.zero_grad();
  const Var x = tape.variable(batch.x);
  std::vector<Var> initial;
  for (const auto& s : batch.initial) initial.push_back(tape.variable(s));
  const auto [ys, last] =
      layer(us::Sequence(x, batch.lengths), state_of(initial, static_cast<typename Layer::State*>(nullptr)));
  const Var padded = ys.padded();
  Var loss = sum(padded * tape.input(batch.output_weights));
  Result result;
  const std::vector<Var> states = parts(last);
  for (std::size_t k = 0; k < states.size(); ++k) {
    loss += sum(square(states[k]) * tape.input(batch.state_weights[k]));
    result.last.push_back(states[k].tensor());
  }
  result.outputs = padded.tensor();
  tape.backward(loss);
  result.dx = gradient(x);
  for (const Var& s : initial) result.dinitial.push_back(gradient(s));
  for (const us::Parameter<double>& p : params)
    result.dparams.insert(result.dparams.end(), p.grad().begin(), p.grad().end());
  return result;
}

/// State part k is [cells,B,state_widths[k]].
Batch random_batch(const Lengths& lengths, std::int64_t steps, std::int64_t cells, std::int64_t width,
                   const std::vector<std::int64_t>& state_widths, std::uint64_t seed) {
  const auto B = static_cast<std::int64_t>(lengths.size());
  Batch batch{random_tensor({steps, B, I}, seed), random_tensor({steps, B, width}, seed + 1), {}, {}, lengths};
  for (std::size_t k = 0; k < state_widths.size(); ++k) {
    batch.initial.push_back(random_tensor({cells, B, state_widths[k]}, seed + 2 + k));
    batch.state_weights.push_back(random_tensor({cells, B, state_widths[k]}, seed + 12 + k));
  }
  // What must never be read.
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t k = 0; k < I; ++k)
        if (t >= lengths[static_cast<std::size_t>(b)])
          batch.x[(t * B + b) * I + k] = std::numeric_limits<double>::quiet_NaN();
  return batch;
}

template <class Layer>
void check_rows_alone(const Layer& layer, us::ParameterSet<double>& params, const Lengths& lengths, std::int64_t steps,
                      std::uint64_t seed) {
  const auto& cell = layer.cells()[0];
  const std::int64_t width = (layer.options().bidirectional ? 2 : 1) * cell.output();
  const auto cells = static_cast<std::int64_t>(layer.cells().size());
  constexpr std::size_t state_parts = std::is_same_v<typename Layer::State, Var> ? 1 : 2;
  std::vector<std::int64_t> state_widths;
  for (std::size_t k = 0; k < state_parts; ++k) state_widths.push_back(cell.state_width(static_cast<std::int64_t>(k)));
  const Batch batch = random_batch(lengths, steps, cells, width, state_widths, seed);
  const Result all = run(layer, params, batch);
  const auto B = static_cast<std::int64_t>(lengths.size());
  Values dparams(all.dparams.size(), 0.0);
  for (std::int64_t b = 0; b < B; ++b) {
    CAPTURE(b);
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    const Result one = run(layer, params, alone(batch, b));
    CHECK(difference(row_of(all.outputs, b, length).values(), one.outputs.values(), outputs) == "");
    CHECK(difference(row_of(all.dx, b, length).values(), one.dx.values(), gradients) == "");
    for (std::size_t k = 0; k < state_parts; ++k) {
      CHECK(difference(row_of(all.last[k], b, cells).values(), one.last[k].values(), outputs) == "");
      CHECK(difference(row_of(all.dinitial[k], b, cells).values(), one.dinitial[k].values(), gradients) == "");
      if (length == 0)
        CHECK(difference(row_of(all.last[k], b, cells).values(), row_of(batch.initial[k], b, cells).values(),
                         us::test::exact) == "");
    }
    for (std::size_t i = 0; i < dparams.size(); ++i) dparams[i] += one.dparams[i];
    for (std::int64_t t = length; t < steps; ++t) {
      for (std::int64_t k = 0; k < width; ++k) CHECK(all.outputs[(t * B + b) * width + k] == 0);
      for (std::int64_t k = 0; k < I; ++k) CHECK(all.dx[(t * B + b) * I + k] == 0);
    }
  }
  CHECK(difference(all.dparams, dparams, gradients) == "");
}

template <class Layer, class Options>
void check_layer(Options options) {
  options.input = I;
  options.hidden = H;
  us::Random random(us::Seed{7});
  for (const int layers : {1, 2})
    for (const bool bidirectional : {false, true}) {
      options.layers = layers;
      options.bidirectional = bidirectional;
      us::ParameterSet<double> params(us::Seed{5});
      const Layer layer(params, "rnn", options);
      const std::vector<Lengths> mixes{{3, 1, 2}, {0, 4, 0, 2}, {5, 5, 5}, {2, 2, 2}, {0, 0}, {1}, {0}, {}};
      for (const Lengths& lengths : mixes) check_rows_alone(layer, params, lengths, 5, 31);
      for (std::uint64_t round = 0; round < 6; ++round) {
        Lengths lengths(static_cast<std::size_t>(1 + random.below(9)));
        for (std::int64_t& length : lengths) length = random.below(8);
        check_rows_alone(layer, params, lengths, 7 + random.below(3), 100 + round);
      }
      check_rows_alone(layer, params, {0, 0, 0}, 0, 3);
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
