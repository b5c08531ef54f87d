// Streams: step by step the bits of the training forward, for every layer and random shapes, with nothing allocated.
#include "unspool/stream.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/allocations.hpp"
#include "support/caught.hpp"
#include "support/random_tensor.hpp"
#include "unspool/sampling.hpp"

namespace us = unspool;
using namespace us::test;

namespace {

template <class T>
using Rows = std::vector<std::vector<T>>;

struct Sizes {
  std::int64_t T, B, I, H;
  int layers;
};

std::vector<Sizes> random_sizes() {
  us::Random random(us::Seed{31});
  std::vector<Sizes> all{{1, 1, 1, 1, 1}, {5, 9, 3, 17, 2}, {3, 1, 64, 128, 1}};
  for (int i = 0; i < 12; ++i)
    all.push_back({1 + random.below(6), 1 + random.below(12), 1 + random.below(20), 1 + random.below(40),
                   static_cast<int>(1 + random.below(3))});
  return all;
}

/// The outputs [B,H] of every step, from one recording of the whole sequence.
template <class T, class Layer>
Rows<T> recorded(const Layer& layer, const us::Tensor<T>& x) {
  us::Tape<T> tape;
  const auto ys = layer(tape.variable(x)).outputs;
  const auto each = static_cast<std::ptrdiff_t>(ys.size() / x.shape()[0]);
  Rows<T> rows;
  for (std::ptrdiff_t t = 0; t < x.shape()[0]; ++t)
    rows.emplace_back(ys.values().begin() + t * each, ys.values().begin() + (t + 1) * each);
  return rows;
}

template <class T>
Rows<T> streamed(us::Stream<T>& stream, const us::Tensor<T>& x) {
  const auto each = static_cast<std::ptrdiff_t>(x.size() / x.shape()[0]);
  Rows<T> rows;
  for (std::ptrdiff_t t = 0; t < x.shape()[0]; ++t) {
    std::copy_n(x.data() + t * each, each, stream.input().begin());
    stream.step();
    rows.emplace_back(stream.output().begin(), stream.output().end());
  }
  return rows;
}

template <class T, class Layer, class Options>
void check_layer(Options options) {
  std::uint64_t seed = 0;
  for (const Sizes& s : random_sizes()) {
    us::ParameterSet<T> params(us::Seed{++seed});
    options.input = s.I;
    options.hidden = s.H;
    options.layers = s.layers;
    const Layer layer(params, "rnn", options);
    const us::Tensor<T> x = random_tensor<T>({s.T, s.B, s.I}, seed, -2, 2);
    us::Stream<T> stream([&](us::StreamStep<T>& step) { step.output(step.run(layer, step.input({s.B, s.I}))); });
    const Rows<T> expected = recorded(layer, x);
    CHECK(streamed(stream, x) == expected);
    stream.reset();
    CHECK(streamed(stream, x) == expected);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("a stream of RNN, LSTM or GRU gives the bits of the training forward over random shapes", T, float,
                   double) {
  for (const bool fused : {true, false}) {
    check_layer<T, us::RNN<T>>(us::RNNOptions{.fused = fused});
    check_layer<T, us::RNN<T>>(us::RNNOptions{.nonlinearity = us::Nonlinearity::relu, .fused = fused});
    check_layer<T, us::LSTM<T>>(us::LSTMOptions{.fused = fused});
    check_layer<T, us::GRU<T>>(us::GRUOptions{.fused = fused});
  }
}

TEST_CASE("a stream of a whole model, ids in and logits out, gives the bits of the training forward") {
  constexpr std::int64_t T = 7, B = 3, V = 11;
  us::ParameterSet<float> params(us::Seed{2});
  const us::Embedding<float> embed(params, "embed", {.count = V, .width = 5});
  const us::LSTM<float> first(params, "first", {.input = 5, .hidden = 8, .layers = 2});
  const us::GRU<float> second(params, "second", {.input = 8, .hidden = 6});
  const us::Linear<float> head(params, "head", {.input = 6, .output = V});
  std::vector<std::int64_t> ids;
  us::Random random(us::Seed{3});
  for (std::int64_t i = 0; i < T * B; ++i) ids.push_back(random.below(V));

  us::Tape<float> tape;
  const us::Var<float> logits = head(second(first(embed(tape, ids, {T, B})).outputs).outputs);
  us::Stream<float> stream(
      [&](us::StreamStep<float>& s) { s.output(head(s.run(second, s.run(first, s.ids(embed, {B}))))); });
  for (std::size_t t = 0; t < T; ++t) {
    std::copy_n(ids.begin() + static_cast<long>(t * B), B, stream.ids().begin());
    stream.step();
    const auto expected = logits.values().subspan(t * B * V, B * V);
    CHECK(std::equal(expected.begin(), expected.end(), stream.output().begin(), stream.output().end()));
  }
}

TEST_CASE("drawing from a stream symbol by symbol allocates nothing once the sampler has seen one distribution") {
  us::ParameterSet<float> params(us::Seed{2});
  const us::Embedding<float> embed(params, "embed", {.count = 50, .width = 16});
  const us::GRU<float> gru(params, "gru", {.input = 16, .hidden = 24});
  const us::Linear<float> head(params, "head", {.input = 24, .output = 50});
  us::Stream<float> stream([&](us::StreamStep<float>& s) { s.output(head(s.run(gru, s.ids(embed, {1})))); });
  us::Sampler sampler({.temperature = 0.9, .top_k = 20, .top_p = 0.9}, us::Seed{5});
  std::int64_t symbol = sampler(stream.output());
  const std::int64_t before = allocation_count();
  for (int i = 0; i < 200; ++i) {
    stream.ids()[0] = symbol;
    stream.step();
    symbol = sampler(stream.output());
  }
  CHECK(allocation_count() == before);
}

TEST_CASE("a step of a stream allocates nothing and records nothing, from the first on") {
  us::ParameterSet<float> params(us::Seed{2});
  const us::Embedding<float> embed(params, "embed", {.count = 50, .width = 16});
  const us::LSTM<float> lstm(params, "lstm", {.input = 16, .hidden = 48, .layers = 2});
  const us::Linear<float> head(params, "head", {.input = 48, .output = 50});
  for (const std::int64_t B : {1, 12}) {
    us::Tape<float>* tape = nullptr;
    us::Stream<float> stream([&](us::StreamStep<float>& s) {
      tape = &s.tape();
      s.output(softmax(head(s.run(lstm, s.ids(embed, {B}))), 1));
    });
    const std::int64_t nodes = tape->stats().nodes, before = allocation_count();
    for (int t = 0; t < 200; ++t) {
      stream.ids()[0] = t % 50;
      stream.step();
    }
    stream.reset();
    CHECK(allocation_count() == before);
    CHECK(tape->stats().nodes == nodes);
  }
}

TEST_CASE("a stream runs any recurrence, with states that become each other") {
  // Fibonacci numbers: a' = b, b' = a + b; and a delay line of the input beside them.
  us::Stream<double> stream([](us::StreamStep<double>& s) {
    const us::Var<double> a = s.state({1}), b = s.state(us::Tensor<double>({1}, {1})), x = s.input({1});
    const us::Var<double> one_ago = s.state({1}), two_ago = s.state({1});
    s.output(a + 0.0);
    s.output(two_ago * 1.0);
    s.next(a, b);
    s.next(b, a + b);
    s.next(one_ago, x);
    s.next(two_ago, one_ago);
  });
  std::vector<double> fibonacci, delayed;
  for (int t = 0; t < 8; ++t) {
    stream.input()[0] = 100 + t;
    stream.step();
    fibonacci.push_back(stream.output(0)[0]);
    delayed.push_back(stream.output(1)[0]);
  }
  CHECK(fibonacci == std::vector<double>{0, 1, 1, 2, 3, 5, 8, 13});
  CHECK(delayed == std::vector<double>{0, 0, 100, 101, 102, 103, 104, 105});
  CHECK(stream.state(1)[0] == 34);
  stream.state(0)[0] = 1000;
  stream.step();
  CHECK(stream.output(0)[0] == 1000);
  stream.reset();
  stream.step();
  CHECK(stream.output(0)[0] == 0);
}

TEST_CASE("a stream of cells, ours or a function with any state, gives the bits of unroll") {
  constexpr std::int64_t T = 6, B = 3, I = 4, H = 5;
  us::ParameterSet<float> params(us::Seed{8});
  auto& w = params.add("w", {H, I}, us::xavier_uniform());
  auto& u = params.add("u", {H, H}, us::orthogonal());
  const us::LSTMCell<float> lstm(params, "lstm", {.input = I, .hidden = H});
  using Var = us::Var<float>;
  struct Memory {
    Var h, sum, context;
  };
  const auto own = [&](const Var& x, const Memory& m) {
    const Var h = tanh(linear(x, w) + linear(m.h, u) + m.context);
    return std::pair(sigmoid(h), Memory{h, m.sum + h, m.context});
  };
  const us::Tensor<float> x = random_tensor<float>({T, B, I}, 4);
  const us::Tensor<float> context = random_tensor<float>({B, H}, 5);
  const auto start = [&](us::Tape<float>& tape) {
    return Memory{tape.zeros({B, H}), tape.zeros({B, H}), tape.input(context)};
  };
  const auto expect = [&](us::Stream<float>& stream, const Var& ys) {
    const auto all = streamed(stream, x);
    for (std::size_t t = 0; t < T; ++t)
      CHECK(std::equal(all[t].begin(), all[t].end(), ys.values().begin() + static_cast<long>(t * B * H)));
  };
  us::Tape<float> tape;
  us::Stream<float> a([&](us::StreamStep<float>& s) { s.output(s.run(own, s.input({B, I}), start(s.tape()))); });
  expect(a, us::unroll(own, tape.input(x), start(tape)).outputs);
  us::Stream<float> b([&](us::StreamStep<float>& s) {
    const Var in = s.input({B, I});
    s.output(s.run(lstm, in, lstm.zero_state(in, B)));
  });
  const Var again = tape.input(x);
  expect(b, us::unroll(lstm, again, lstm.zero_state(again, B)).outputs);
}

TEST_CASE("weights written between two steps count from the next one on") {
  us::ParameterSet<float> params(us::Seed{2});
  const us::LSTM<float> lstm(params, "lstm", {.input = 4, .hidden = 20});
  const us::Tensor<float> x = random_tensor<float>({4, 12, 4}, 1);
  us::Stream<float> stream([&](us::StreamStep<float>& s) { s.output(s.run(lstm, s.input({12, 4}))); });
  const Rows<float> before = streamed(stream, x);
  for (us::Parameter<float>& p : params)
    for (float& w : p.mutable_values()) w *= 1.5f;
  stream.reset();
  const Rows<float> after = streamed(stream, x);
  CHECK(after != before);
  CHECK(after == recorded(lstm, x));
}

TEST_CASE("a stream refuses dropout, states without a next value, ids that are none and numbers that were not named") {
  using us::ErrorCode;
  us::ParameterSet<float> params(us::Seed{2});
  us::LSTM<float> lstm(params, "lstm", {.input = 4, .hidden = 5, .layers = 2, .dropout = 0.5});
  const us::Embedding<float> embed(params, "embed", {.count = 3, .width = 4});
  const auto code = [](auto describe) { return error_from([&] { us::Stream<float> stream(describe); }).code(); };
  using Step = us::StreamStep<float>;
  CHECK(code([&](Step& s) { s.output(s.run(lstm, s.input({1, 4}))); }) == ErrorCode::unsupported);
  lstm.set_training(false);
  CHECK(code([&](Step& s) { s.run(lstm, s.input({1, 3})); }) == ErrorCode::shape_mismatch);
  const us::GRU<float> both(params, "both", {.input = 4, .hidden = 5, .bidirectional = true});
  CHECK(code([&](Step& s) { s.output(s.run(both, s.input({1, 4}))); }) == ErrorCode::unsupported);
  CHECK(code([&](Step& s) { s.state({2}); }) == ErrorCode::bad_argument);
  CHECK(code([&](Step& s) {
          const us::Var<float> h = s.state({2});
          s.next(h, s.input({3}));
        }) == ErrorCode::shape_mismatch);
  CHECK(code([&](Step& s) { s.next(s.input({3}), s.input({3})); }) == ErrorCode::bad_argument);
  CHECK(code([&](Step& s) {
          const us::Var<float> h = s.state({2});
          s.next(h, h * 2.0);
          s.next(h, h * 3.0);
        }) == ErrorCode::bad_argument);
  us::Tape<float> other;
  CHECK(code([&](Step& s) { s.output(other.zeros({1})); }) == ErrorCode::wrong_tape);

  us::Stream<float> stream([&](Step& s) { s.output(s.run(lstm, s.ids(embed, {1}))); });
  stream.step();
  const std::vector<float> first(stream.output().begin(), stream.output().end());
  for (const std::int64_t id : {3, -1}) {
    stream.ids()[0] = id;
    CHECK(error_from([&] { stream.step(); }).code() == ErrorCode::index_out_of_range);
    CHECK(std::equal(first.begin(), first.end(), stream.output().begin()));
  }
  CHECK(error_from([&] { stream.output(1); }).code() == ErrorCode::index_out_of_range);
  CHECK(error_from([&] { stream.input(0); }).code() == ErrorCode::index_out_of_range);
  CHECK(error_from([&] { stream.ids(-1); }).code() == ErrorCode::index_out_of_range);
}
