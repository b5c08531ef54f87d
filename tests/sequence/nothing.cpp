// Hardly anything to run over: no steps, rows without steps, no rows. Every architecture has outputs of the right shape
// then, a loss of 0 and gradients of exactly 0.
#include <doctest/doctest.h>

#include <limits>

#include "support/layers.hpp"
#include "unspool/decoder.hpp"
#include "unspool/feedback.hpp"
#include "unspool/reservoir.hpp"
#include "unspool/sequence_losses.hpp"
#include "unspool/skip.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;
using Parameters = us::ParameterSet<double>;
using Sequence = us::Sequence<double>;
using Tape = us::Tape<double>;

namespace {

constexpr std::int64_t I = 3, H = 4;

struct Nothing {
  const char* what;
  std::int64_t steps;
  std::vector<std::int64_t> lengths;
};
const Nothing nothings[] = {{"no steps", 0, {0, 0, 0}},
                            {"rows without steps", 5, {0, 0, 0}},
                            {"no rows", 5, {}},
                            {"no steps of no rows", 0, {}}};

/// build(params) returns run(tape, xs), a Sequence of outputs.
template <class Build>
void check(const char* name, Build build) {
  CAPTURE(name);
  for (const Nothing& nothing : nothings) {
    CAPTURE(nothing.what);
    Parameters params(us::Seed{3});
    const auto run = build(params);
    const auto B = static_cast<std::int64_t>(nothing.lengths.size());
    us::Tensor<double> numbers({nothing.steps, B, I});
    for (double& v : numbers.values()) v = std::numeric_limits<double>::quiet_NaN();
    Tape tape;
    const Var x = tape.variable(numbers);
    const Sequence ys = run(tape, Sequence(x, nothing.lengths));
    CHECK(ys.total() == 0);
    CHECK(ys.padded().shape()[0] == nothing.steps);
    CHECK(ys.padded().shape()[1] == B);
    CHECK(ys.padded().shape().rank() == 3);
    CHECK(ys.padded().shape()[2] > 0);
    const std::vector<std::int64_t> targets(static_cast<std::size_t>(nothing.steps * B), 0);
    const Var loss = sum(square(ys.packed())) + cross_entropy(ys, targets);
    CHECK(loss.item() == 0);
    tape.backward(loss);
    for (const double g : x.grad()) CHECK(g == 0);
    for (const us::Parameter<double>& p : params)
      for (const double g : p.grad()) CHECK(g == 0);
  }
}

template <class Layer, class Options>
void check_layer(const char* name, Options options) {
  options.input = I;
  options.hidden = H;
  for (const int layers : {1, 2}) {
    options.layers = layers;
    options.bidirectional = layers == 2;
    check(name, [&](Parameters& params) {
      return [layer = Layer(params, "rnn", options)](Tape&, const Sequence& xs) { return layer(xs).outputs; };
    });
  }
}

/// A cell from zero states, in both directions, and within a budget of memory.
template <class MakeCell>
void check_cell(const char* name, MakeCell make) {
  for (const us::UnrollOptions options : {us::UnrollOptions{}, {.reverse = true}, {.memory = us::MiB(1)}})
    check(name, [&](Parameters& params) {
      return [cell = make(params), options](Tape& tape, const Sequence& xs) {
        return us::unroll(cell, xs, cell.zero_state(tape, xs.batch()), options).outputs;
      };
    });
}

}  // namespace

TEST_CASE("layers and their variants over nothing") {
  check_layer<us::RNN<double>>("RNN", us::RNNOptions{});
  check_layer<us::RNN<double>>("leaky", us::RNNOptions{.leak = 0.3, .learn_leak = true});
  check_layer<us::LSTM<double>>("LSTM", us::LSTMOptions{});
  check_layer<us::LSTM<double>>("LSTM composed", us::LSTMOptions{.fused = false});
  check_layer<us::LSTM<double>>("projection", us::LSTMOptions{.projection = 2, .peephole = true});
  check_layer<us::LSTM<double>>("layer norm", us::LSTMOptions{.layer_norm = true});
  check_layer<us::LSTM<double>>("all options", us::LSTMOptions{.residual = true,
                                                               .dropout = 0.5,
                                                               .variational = true,
                                                               .recurrent_dropout = 0.5,
                                                               .zoneout = 0.5,
                                                               .zoneout_cell = 0.5});
  check_layer<us::GRU<double>>("GRU", us::GRUOptions{});
  check_layer<us::GRU<double>>("GRU, reset before", us::GRUOptions{.reset = us::Reset::before, .zoneout = 0.5});
  check("EchoState", [](Parameters& params) {
    us::EchoState<double> layer(params, "reservoir", {.input = I, .hidden = H, .radius = 0.9, .leak = 0.5});
    return [layer](Tape&, const Sequence& xs) { return layer(xs).outputs; };
  });
}

TEST_CASE("cells over nothing") {
  const auto lstm = [](Parameters& params) { return us::LSTMCell(params, "cell", {.input = I, .hidden = H}); };
  const auto gru = [](Parameters& params) { return us::GRUCell(params, "cell", {.input = I, .hidden = H}); };
  check_cell("LSTMCell", lstm);
  check_cell("GRUCell", gru);
  check_cell("RNNCell", [](Parameters& params) { return us::RNNCell(params, "cell", {.input = I, .hidden = H}); });
  check_cell("DilatedCell",
             [&](Parameters& params) { return us::DilatedCell<double, us::GRUCell<double>>(gru(params), 3); });
  check_cell("SkipCell",
             [&](Parameters& params) { return us::SkipCell<double, us::LSTMCell<double>>(params, lstm(params), 3); });
  check_cell("JordanCell",
             [](Parameters& params) { return us::JordanCell(params, "cell", {.input = I, .hidden = H, .output = 2}); });
}

TEST_CASE("teacher forcing and scheduled sampling over nothing") {
  for (const double teacher : {1.0, 0.5, 0.0})
    check("teacher_forced", [&](Parameters& params) {
      const us::JordanCell<double> cell(params, "cell", {.input = I, .hidden = H, .output = 2});
      return [cell, teacher](Tape& tape, const Sequence& xs) {
        const Sequence wanted(tape.zeros({xs.steps(), xs.batch(), 2}), xs.lengths());
        return us::teacher_forced(cell, xs, wanted, cell.zero_state(tape, xs.batch()), {.teacher = teacher}).outputs;
      };
    });
}

TEST_CASE("decoders over nothing, whatever they look at") {
  for (const us::AttentionOrder order : {us::AttentionOrder::luong, us::AttentionOrder::bahdanau})
    for (const std::int64_t source : {0, 6})
      check("AttentionDecoder", [&](Parameters& params) {
        const us::AttentionDecoder<double> decoder(params, "decoder",
                                                   {.input = I,
                                                    .hidden = H,
                                                    .memory = 2,
                                                    .context = 2,
                                                    .conditioning = us::Conditioning::both,
                                                    .order = order});
        return [decoder, source](Tape& tape, const Sequence& xs) {
          const Sequence encoded(tape.input(random_tensor({source, xs.batch(), 2}, 1)));
          const Var context = tape.input(random_tensor({xs.batch(), 2}, 2));
          return us::unroll(decoder, xs, decoder.start(encoded, context)).outputs;
        };
      });
  check("ConditionedCell", [](Parameters& params) {
    const us::ConditionedCell<double> cell(params, "cell", {.input = I, .hidden = H, .context = 2});
    return [cell](Tape& tape, const Sequence& xs) {
      return us::unroll(cell, xs, cell.start(tape.input(random_tensor({xs.batch(), 2}, 2)))).outputs;
    };
  });
  check("Attention over whole sequences", [](Parameters& params) {
    const us::Attention<double> attend(params, "attend", {.query = I, .memory = 2});
    return [attend](Tape& tape, const Sequence& xs) {
      return attend(xs, attend.memory(Sequence(tape.input(random_tensor({6, xs.batch(), 2}, 1)))));
    };
  });
}

TEST_CASE("a decoder that looks at sources without steps still decodes, and its memory's gradient is that of nothing") {
  Parameters params(us::Seed{3});
  const us::AttentionDecoder<double> decoder(params, "decoder", {.input = I, .hidden = H, .memory = 2});
  Tape tape;
  const Var x = tape.variable(random_tensor({4, 2, I}, 1)), source = tape.variable(random_tensor({3, 2, 2}, 2));
  const Sequence xs(x);
  const Var none = us::unroll(decoder, xs, decoder.start(Sequence(tape.zeros({0, 2, 2})))).outputs.packed();
  const Var empty = us::unroll(decoder, xs, decoder.start(Sequence(source, {0, 0}))).outputs.packed();
  CHECK(us::test::difference(none.values(), empty.values(), us::test::exact) == "");
  tape.backward(sum(square(empty)));
  for (const double g : source.grad()) CHECK(g == 0);
  double total = 0;
  for (const double g : x.grad()) total += std::abs(g);
  CHECK(total > 0);
}
