// Decoders told of a context: as initial state, as input, as both, and by attention; step by step and in beam search.
#include "unspool/decoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/layers.hpp"
#include "unspool/beam_batch.hpp"
#include "unspool/stream.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

constexpr std::int64_t T = 4, S = 5, B = 4, I = 3, H = 2, M = 3, C = 2;
const std::vector<std::int64_t> mixed{2, 5, 0, 3}, said{4, 1, 3, 0};
using Decoder = us::AttentionDecoder<double>;

std::vector<us::AttentionDecoderOptions> decoders() {
  std::vector<us::AttentionDecoderOptions> all;
  for (const auto order : {us::AttentionOrder::luong, us::AttentionOrder::bahdanau})
    for (const auto score : {us::AttentionScore::general, us::AttentionScore::additive})
      all.push_back({.input = I, .hidden = H, .memory = M, .score = score, .order = order});
  all.push_back({.input = I, .hidden = H, .memory = H, .score = us::AttentionScore::dot});
  for (const auto how : {us::Conditioning::initial_state, us::Conditioning::input, us::Conditioning::both})
    all.push_back({.input = I, .hidden = H, .memory = M, .context = C, .conditioning = how});
  return all;
}

/// Everything that a decoder reads, of some rows of a batch.
struct Given {
  us::Tensor<double> x = random_tensor({T, B, I}, 1), memory, context;
  explicit Given(const us::AttentionDecoderOptions& o)
      : memory(random_tensor({S, B, o.memory}, 2)), context(random_tensor({B, o.context}, 3)) {}
};

Var run(const Decoder& decoder, us::Tape<double>& tape, const Given& g, std::int64_t first, std::int64_t end) {
  const auto part = [&](const std::vector<std::int64_t>& v) { return std::vector(v.begin() + first, v.begin() + end); };
  const us::Sequence xs(slice(tape.input(g.x), 1, first, end), part(said));
  const us::Sequence encoded(slice(tape.input(g.memory), 1, first, end), part(mixed));
  const auto start = decoder.start(encoded, slice(tape.input(g.context), 0, first, end));
  return us::unroll(decoder, xs, start).outputs.padded();
}

}  // namespace

TEST_CASE("a decoder's rows have the outputs that they have alone, whatever the lengths on either side") {
  for (const us::AttentionDecoderOptions& options : decoders()) {
    us::ParameterSet<double> params(us::Seed{7});
    const Decoder decoder(params, "decoder", options);
    const Given given(options);
    us::Tape<double> tape;
    const us::Tensor<double> all = run(decoder, tape, given, 0, B).tensor();
    for (std::int64_t b = 0; b < B; ++b) {
      const us::Tensor<double> alone = run(decoder, tape, given, b, b + 1).tensor();
      for (std::int64_t t = 0; t < T; ++t)
        for (std::int64_t j = 0; j < H; ++j) CHECK(us::test::close(all[(t * B + b) * H + j], alone[t * H + j]));
    }
  }
}

TEST_CASE("gradients of every kind of decoder are those of numeric differences") {
  for (const us::AttentionDecoderOptions& options : decoders()) {
    us::ParameterSet<double> params(us::Seed{7});
    const Decoder decoder(params, "decoder", options);
    const Given given(options);
    const auto loss = [&](us::Tape<double>& tape, std::span<const Var> in) {
      const auto [ys, last] =
          us::unroll(decoder, us::Sequence(in[0], said), decoder.start(us::Sequence(in[1], mixed), in[2]));
      return sum(ys.padded() * tape.input(random_tensor({T, B, H}, 8))) + sum(square(last.output));
    };
    const std::vector<us::Tensor<double>> inputs{given.x, given.memory, given.context};
    us::check_gradients(loss, params, inputs);
  }
}

TEST_CASE("a decoder's step is the one of its paper, written out with ops") {
  for (const bool luong : {true, false}) {
    us::ParameterSet<double> params(us::Seed{7});
    const Decoder decoder(params, "d",
                          {.input = I,
                           .hidden = H,
                           .memory = M,
                           .order = luong ? us::AttentionOrder::luong : us::AttentionOrder::bahdanau});
    us::Tape<double> tape;
    const us::Sequence encoded(tape.input(random_tensor({S, B, M}, 2)), mixed);
    const Var x = tape.input(random_tensor({B, I}, 4));
    const Decoder::State first = decoder(x, decoder.start(encoded)), next = decoder(x, first);

    const us::AttentionMemory<double>& memory = first.memory;
    const auto look = [&](const Var& h) { return decoder.attention()(h, memory).context; };
    const Var fed = luong ? first.output : look(first.cell.h);
    const Var gates = linear(us::concat({x, fed}, 1), params["d.weight_ih"], params["d.bias_ih"]) +
                      linear(first.cell.h, params["d.weight_hh"], params["d.bias_hh"]);
    const auto gate = [&](std::int64_t k) { return slice(gates, 1, k * H, (k + 1) * H); };
    const Var c = sigmoid(gate(1)) * first.cell.c + sigmoid(gate(0)) * tanh(gate(2)), h = sigmoid(gate(3)) * tanh(c);
    const Var output = tanh(linear(us::concat({luong ? look(h) : fed, h}, 1), params["d.output.weight"]));
    CHECK(difference(next.cell.h.values(), h.values()) == "");
    CHECK(difference(next.output.values(), output.values()) == "");
  }
}

TEST_CASE("a context conditions a cell by its initial state, by its input, or by both") {
  for (const auto how : {us::Conditioning::initial_state, us::Conditioning::input, us::Conditioning::both}) {
    us::ParameterSet<double> params(us::Seed{7});
    const us::ConditionedCell<double, us::GRUCell<double>> cell(
        params, "c", {.input = I, .hidden = H, .context = C, .conditioning = how});
    const bool starts = how != us::Conditioning::input, feeds = how != us::Conditioning::initial_state;
    CHECK((params.find("c.bridge.0.weight") != nullptr) == starts);
    CHECK(params["c.weight_ih"].shape() == us::Shape{3 * H, I + (feeds ? C : 0)});
    const auto loss = [&](us::Tape<double>& tape, std::span<const Var> in) {
      const us::Sequence xs(in[0], said);
      const auto [ys, last] = us::unroll(cell, xs, cell.start(in[1]));
      // The same by a plain cell over inputs that hold the context, from a state of the bridge.
      const us::Sequence wide = feeds ? concat(xs, us::at_every_step(in[1], xs)) : xs;
      const Var h0 =
          starts ? tanh(linear(in[1], params["c.bridge.0.weight"], params["c.bridge.0.bias"])) : tape.zeros({B, H});
      const auto plain = us::unroll(
          [&](const Var& x, const Var& h) {
            return us::Var<double>(gru_cell(linear(x, params["c.weight_ih"], params["c.bias_ih"]), h,
                                            params["c.weight_hh"], params["c.bias_hh"]));
          },
          wide, h0);
      CHECK(difference(ys.packed().values(), plain.outputs.packed().values()) == "");
      CHECK(difference(last.cell.values(), plain.state.values()) == "");
      return sum(ys.padded() * tape.input(random_tensor({T, B, H}, 8)));
    };
    const std::vector<us::Tensor<double>> inputs{random_tensor({T, B, I}, 1), random_tensor({B, C}, 3)};
    us::check_gradients(loss, params, inputs);
  }
}

TEST_CASE("a stream of a decoder gives the outputs of the whole run") {
  us::ParameterSet<double> params(us::Seed{7});
  const Decoder decoder(params, "decoder", {.input = I, .hidden = H, .memory = M});
  us::Tape<double> tape;
  const us::Tensor<double> x = random_tensor({T, B, I}, 1);
  const auto start = decoder.start(us::Sequence(tape.input(random_tensor({S, B, M}, 2)), mixed));
  const us::Tensor<double> whole = us::unroll(decoder, tape.input(x), start).outputs.tensor();
  us::Stream<double> stream([&](us::StreamStep<double>& s) { s.output(s.run(decoder, s.input({B, I}), start)); });
  for (std::int64_t t = 0; t < T; ++t) {
    std::copy_n(x.data() + t * B * I, B * I, stream.input().begin());
    stream.step();
    CHECK(difference(stream.output(), whole.values().subspan(static_cast<std::size_t>(t * B * H), B * H),
                     us::test::exact) == "");
  }
}

TEST_CASE("beam search over a batch finds for every row what a search of its own finds") {
  constexpr std::int64_t V = 6;
  us::ParameterSet<double> params(us::Seed{11});
  const us::Embedding<double> embed(params, "embed", {.count = V, .width = I});
  const Decoder decoder(params, "decoder", {.input = I, .hidden = 8, .memory = M, .attention_hidden = 4});
  const us::Linear<double> head(params, "head", {.input = 8, .output = V, .weight_init = us::normal(0, 3)});
  const us::BeamOptions options{.width = 3, .start = 0, .end = 1, .max_steps = 7, .best = 2};
  us::Tape<double> tape;
  const us::Tensor<double> memory = random_tensor({S, B, M}, 2, -3, 3);
  const auto step = [&](Decoder::State& state, const us::Ids& symbols) {
    state = decoder(embed(tape, symbols), state);
    return head(state.output);
  };
  const auto together = us::beam_search(tape, decoder.start(us::Sequence(tape.input(memory), mixed)), step, options);
  REQUIRE(together.size() == B);
  std::size_t different = 0;
  for (std::int64_t b = 0; b < B; ++b) {
    const us::Sequence one(slice(tape.input(memory), 1, b, b + 1), {mixed[static_cast<std::size_t>(b)]});
    const auto single = [&](Decoder::State& state, std::int64_t symbol) {
      const Var logits = step(state, {symbol});
      return std::vector<double>(logits.values().begin(), logits.values().end());
    };
    const std::vector<us::Hypothesis> alone = us::beam_search(decoder.start(one), single, options);
    const std::vector<us::Hypothesis>& found = together[static_cast<std::size_t>(b)];
    REQUIRE(found.size() == alone.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      CHECK(found[k].symbols == alone[k].symbols);
      CHECK(found[k].log_prob == alone[k].log_prob);
      CHECK(found[k].complete == alone[k].complete);
    }
    different += found[0].symbols != together[0][0].symbols;
  }
  CHECK(different > 0);  // the memories matter
  CHECK(us::beam_search(tape, decoder.start(us::Sequence(tape.zeros({S, 0, M}))), step, options).empty());
  const auto narrow = [&](Decoder::State&, const us::Ids&) { return tape.zeros({1, V}); };
  UNSPOOL_CHECK_ERROR(us::beam_search(tape, decoder.start(us::Sequence(tape.zeros({S, B, M}))), narrow, options),
                      shape_mismatch, "must be [4,V]");
}

TEST_CASE("decoders say what does not fit") {
  us::ParameterSet<double> params(us::Seed{7});
  UNSPOOL_CHECK_ERROR(Decoder(params, "d", {.input = 0, .hidden = H, .memory = M}), bad_argument, "given 0, 2");
  UNSPOOL_CHECK_ERROR(us::ConditionedCell<double>(params, "c", {.input = I, .hidden = H}), bad_argument,
                      "given 3, 2 and 0");
  const Decoder decoder(params, "decoder", {.input = I, .hidden = H, .memory = M, .context = C});
  us::Tape<double> tape;
  const us::Sequence<double> encoded(tape.zeros({S, B, M}));
  UNSPOOL_CHECK_ERROR(decoder.start(encoded), shape_mismatch, "the context must be [4,2]; it is [4,0]");
  const Decoder::State start = decoder.start(encoded, tape.zeros({B, C}));
  UNSPOOL_CHECK_ERROR(decoder(tape.zeros({B, I + 1}), start), shape_mismatch, "the input must be [4,3]; it is [4,4]");
  UNSPOOL_CHECK_ERROR(us::at_every_step(tape.zeros({B + 1, C}), encoded), shape_mismatch, "the context");
}
