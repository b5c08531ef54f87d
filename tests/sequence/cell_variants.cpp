// What the cells can do beyond their plain equations: projection, peepholes, layer normalisation, leaks and the reset
// gate before the product. Values against the equations written out in scalars, gradients against numeric differences.
#include <doctest/doctest.h>

#include <cmath>

#include "support/by_hand.hpp"
#include "support/layers.hpp"
#include "unspool/stream.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

constexpr std::int64_t T = 4, I = 3, H = 5;

Values values_of(const us::ParameterSet<double>& params, const std::string& name) {
  const auto values = params["rnn." + name + "_l0"].values();
  return {values.begin(), values.end()};
}

Values block(const Values& x, std::size_t k, std::size_t n = H) {
  return Values(x.begin() + static_cast<std::ptrdiff_t>(k * n), x.begin() + static_cast<std::ptrdiff_t>((k + 1) * n));
}

/// Makes the gains and shifts of normalisation, which start at 1 and 0, tell their elements apart.
void scatter(us::ParameterSet<double>& params) {
  std::uint64_t seed = 70;
  for (us::Parameter<double>& p : params) {
    if (p.name().find("norm") == std::string::npos && p.name().find("leak") == std::string::npos) continue;
    const us::Tensor<double> values = random_tensor(p.shape(), ++seed, 0.2, 1.5);
    std::copy(values.values().begin(), values.values().end(), p.mutable_values().begin());
  }
}

struct LstmStep {
  Values h, c;
};

/// One LSTM step of one row, straight from the papers' equations.
LstmStep lstm_by_hand(const us::ParameterSet<double>& params, const us::LSTMOptions& o, const Values& x,
                      const LstmStep& s) {
  const auto weight = [&](const char* name) { return values_of(params, name); };
  Values from_x = product(weight("weight_ih"), x), from_h = product(weight("weight_hh"), s.h);
  if (o.layer_norm) {
    from_x = normalized(from_x, weight("norm_ih_weight"), weight("norm_ih_bias"));
    from_h = normalized(from_h, weight("norm_hh_weight"), weight("norm_hh_bias"));
  }
  const Values sums = plus(plus(from_x, weight("bias_ih")), plus(from_h, weight("bias_hh")));
  Values p(3 * H, 0.0), outer(H);
  if (o.peephole) p = weight("weight_peephole");
  LstmStep next{{}, Values(H)};
  Values o_gate(H);
  for (std::size_t j = 0; j < H; ++j) {
    const double i = sigmoid_of(sums[j] + p[j] * s.c[j]), f = sigmoid_of(sums[H + j] + p[2 * H + j] * s.c[j]);
    next.c[j] = f * s.c[j] + i * std::tanh(sums[2 * H + j]);
    o_gate[j] = sigmoid_of(sums[3 * H + j] + p[H + j] * next.c[j]);
  }
  const Values seen = o.layer_norm ? normalized(next.c, weight("norm_c_weight"), weight("norm_c_bias")) : next.c;
  for (std::size_t j = 0; j < H; ++j) outer[j] = o_gate[j] * std::tanh(seen[j]);
  next.h = o.projection > 0 ? product(weight("weight_hr"), outer) : outer;
  return next;
}

us::LSTMOptions sized(us::LSTMOptions o) {
  o.input = I;
  o.hidden = H;
  return o;
}

std::vector<us::LSTMOptions> lstm_variants() {
  return {sized({.projection = 2}), sized({.peephole = true}), sized({.layer_norm = true}),
          sized({.projection = 3, .peephole = true, .layer_norm = true})};
}

Values step_of(const us::Tensor<double>& x, std::int64_t t) {
  const auto at = x.values().subspan(static_cast<std::size_t>(t * I), I);
  return {at.begin(), at.end()};
}

/// The weighted sum of everything a run gives, over a ragged batch, for numeric differences.
template <class Layer>
void check_layer_gradients(const Layer& layer, us::ParameterSet<double>& params) {
  const us::Tensor<double> x = random_tensor({T, 3, I}, 5);
  us::check_gradients(
      [&](us::Tape<double>& tape, std::span<const Var> given) {
        const auto [ys, state] = layer(us::Sequence(given[0], {2, 4, 3}));
        Var loss = sum(ys.padded() * tape.input(random_tensor(ys.padded().shape(), 6)));
        std::uint64_t seed = 7;
        us::for_each_var(state, [&](const Var& part) {
          loss += sum(square(part) * tape.input(random_tensor(part.shape(), ++seed)));
        });
        return loss;
      },
      params, std::span(&x, 1), {.relative = 1e-6});
}

}  // namespace

TEST_CASE("an LSTM with projection, peepholes and layer normalisation computes the papers' equations") {
  for (const us::LSTMOptions& options : lstm_variants()) {
    us::ParameterSet<double> params(us::Seed{4});
    const us::LSTM lstm(params, "rnn", options);
    scatter(params);
    const std::int64_t P = options.projection > 0 ? options.projection : H;
    const us::Tensor<double> x = random_tensor({T, 1, I}, 1), h0 = random_tensor({1, 1, P}, 2),
                             c0 = random_tensor({1, 1, H}, 3);
    us::Tape<double> tape;
    const auto [ys, last] = lstm(tape.input(x), {tape.input(h0), tape.input(c0)});
    CHECK(ys.shape() == us::Shape{T, 1, P});
    LstmStep s{us::test::doubles(h0.values()), us::test::doubles(c0.values())};
    for (std::int64_t t = 0; t < T; ++t) {
      s = lstm_by_hand(params, options, step_of(x, t), s);
      CHECK(difference(select(ys, 0, t).values(), s.h) == "");
    }
    CHECK(difference(last.h.values(), s.h) == "");
    CHECK(difference(last.c.values(), s.c) == "");
  }
}

TEST_CASE("gradients of an LSTM's variants, stacked and in both directions, are confirmed by numeric differences") {
  for (us::LSTMOptions options : lstm_variants()) {
    us::ParameterSet<double> params(us::Seed{4});
    options.bidirectional = true;
    options.layers = 2;
    const us::LSTM lstm(params, "rnn", options);
    scatter(params);
    check_layer_gradients(lstm, params);
  }
}

TEST_CASE("a GRU that resets before the product computes Cho's equations") {
  us::ParameterSet<double> params(us::Seed{4});
  const us::GRU gru(params, "rnn", {.input = I, .hidden = H, .reset = us::Reset::before});
  const us::Tensor<double> x = random_tensor({T, 1, I}, 1), h0 = random_tensor({1, 1, H}, 2);
  us::Tape<double> tape;
  const auto [ys, last] = gru(tape.input(x), tape.input(h0));
  const Values W = values_of(params, "weight_hh");
  const Values W_rz(W.begin(), W.begin() + 2 * H * H), W_n(W.begin() + 2 * H * H, W.end());
  const Values b = values_of(params, "bias_hh");
  Values h = us::test::doubles(h0.values());
  for (std::int64_t t = 0; t < T; ++t) {
    const Values from_x = plus(product(values_of(params, "weight_ih"), step_of(x, t)), values_of(params, "bias_ih"));
    const Values rz = product(W_rz, h);
    Values reset(H), z(H);
    for (std::size_t j = 0; j < H; ++j) {
      reset[j] = sigmoid_of(from_x[j] + rz[j] + b[j]) * h[j];
      z[j] = sigmoid_of(from_x[H + j] + rz[H + j] + b[H + j]);
    }
    const Values n = plus(plus(block(from_x, 2), product(W_n, reset)), block(b, 2));
    for (std::size_t j = 0; j < H; ++j) h[j] = (1 - z[j]) * std::tanh(n[j]) + z[j] * h[j];
    CHECK(difference(select(ys, 0, t).values(), h) == "");
  }
  CHECK(difference(last.values(), h) == "");

  us::ParameterSet<double> deep(us::Seed{4});
  check_layer_gradients(
      us::GRU(deep, "rnn", {.input = I, .hidden = H, .reset = us::Reset::before, .layers = 2, .bidirectional = true}),
      deep);
}

TEST_CASE("a leaky unit is the running mean of what a plain unit would be") {
  for (const bool learnt : {false, true}) {
    us::ParameterSet<double> params(us::Seed{4});
    const us::RNN rnn(params, "rnn", {.input = I, .hidden = H, .leak = 0.3, .learn_leak = learnt});
    if (learnt) CHECK(difference(values_of(params, "leak"), Values(H, std::log(0.3 / 0.7))) == "");
    scatter(params);
    const us::Tensor<double> x = random_tensor({T, 1, I}, 1), h0 = random_tensor({1, 1, H}, 2);
    us::Tape<double> tape;
    const auto [ys, last] = rnn(tape.input(x), tape.input(h0));
    Values h = us::test::doubles(h0.values());
    for (std::int64_t t = 0; t < T; ++t) {
      const Values sums =
          plus(plus(product(values_of(params, "weight_ih"), step_of(x, t)), values_of(params, "bias_ih")),
               plus(product(values_of(params, "weight_hh"), h), values_of(params, "bias_hh")));
      for (std::size_t j = 0; j < H; ++j) {
        const double leak = learnt ? sigmoid_of(values_of(params, "leak")[j]) : 0.3;
        h[j] = (1 - leak) * h[j] + leak * std::tanh(sums[j]);
      }
      CHECK(difference(select(ys, 0, t).values(), h) == "");
    }
  }
}

TEST_CASE("gradients of leaky layers are confirmed by numeric differences, the leaks' too") {
  for (const bool fused : {false, true}) {
    us::ParameterSet<double> params(us::Seed{4});
    const us::RNN rnn(
        params, "rnn",
        {.input = I, .hidden = H, .leak = 0.4, .learn_leak = true, .layers = 2, .bidirectional = true, .fused = fused});
    scatter(params);
    check_layer_gradients(rnn, params);
  }
}

TEST_CASE("a leak of 1 is a plain unit, bit by bit") {
  us::ParameterSet<float> params(us::Seed{4});
  const us::RNN plain(params, "a", {.input = I, .hidden = H});
  const us::RNN leaky(params, "b", {.input = I, .hidden = H, .leak = 1});
  for (const char* name : {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}) {
    const auto from = params[std::string("a.") + name].values();
    std::copy(from.begin(), from.end(), params[std::string("b.") + name].mutable_values().begin());
  }
  us::Tape tape;
  const us::Var x = tape.input(random_tensor<float>({T, 2, I}, 1));
  CHECK(difference(plain(x).outputs.values(), leaky(x).outputs.values(), us::test::exact) == "");
}

TEST_CASE("a stream steps through every variant with the bits of the layer") {
  us::ParameterSet<double> params(us::Seed{4});
  const us::Tensor<double> x = random_tensor({T, 1, I}, 1);
  const auto check = [&](const auto& layer) {
    us::Tape<double> tape;
    const Var whole = layer(tape.input(x)).outputs;
    us::Stream<double> stream([&](us::StreamStep<double>& s) { s.output(s.run(layer, s.input({1, I}))); });
    for (std::int64_t t = 0; t < T; ++t) {
      const Values in = step_of(x, t);
      std::copy(in.begin(), in.end(), stream.input().begin());
      stream.step();
      CHECK(difference(stream.output(), select(whole, 0, t).values(), us::test::exact) == "");
    }
  };
  int k = 0;
  for (us::LSTMOptions options : lstm_variants()) {
    options.layers = 2;
    check(us::LSTM(params, "lstm" + std::to_string(k++), options));
  }
  check(us::GRU(params, "gru", {.input = I, .hidden = H, .reset = us::Reset::before, .layers = 2}));
  check(us::RNN(params, "leaky", {.input = I, .hidden = H, .leak = 0.2, .layers = 2}));
}

TEST_CASE("dropout of the recurrent input leaves the leak's own h alone") {
  us::ParameterSet<double> params(us::Seed{4});
  us::RNN rnn(params, "rnn",
              {.input = I,
               .hidden = H,
               .leak = 0.25,
               .recurrent_dropout = 1,
               .init = {.weight_ih = us::zeros(), .bias = us::zeros()}});
  us::Tape<double> tape;
  const us::Tensor<double> h0 = random_tensor({1, 1, H}, 2);
  const auto [ys, last] = rnn(tape.zeros({2, 1, I}), tape.input(h0));
  Values expected;
  for (const double h : h0.values()) expected.push_back(h * 0.75 * 0.75);  // nothing but the leak is left
  CHECK(difference(last.values(), expected) == "");
}

TEST_CASE("the variants' parameters are named beside PyTorch's") {
  us::ParameterSet<float> params;
  const us::LSTM lstm(params, "e",
                      {.input = I, .hidden = 4, .projection = 2, .peephole = true, .layers = 2, .bidirectional = true});
  std::vector<std::string> names;
  for (const us::Parameter<float>& p : params) names.push_back(p.name());
  CHECK(names[4] == "e.weight_hr_l0");
  CHECK(names[5] == "e.weight_peephole_l0");
  CHECK(names[10] == "e.weight_hr_l0_reverse");
  CHECK(params["e.weight_hh_l0"].shape() == us::Shape{16, 2});
  CHECK(params["e.weight_hr_l1_reverse"].shape() == us::Shape{2, 4});
  CHECK(params["e.weight_ih_l1"].shape() == us::Shape{16, 4});
  CHECK(params["e.weight_peephole_l1"].shape() == us::Shape{12});
}

TEST_CASE("variants out of range are rejected, and so are states of the wrong width") {
  us::ParameterSet<double> params;
  UNSPOOL_CHECK_ERROR((us::LSTM(params, "a", {.input = 2, .hidden = 3, .projection = 3})), bad_argument,
                      "projection must be 0, for none, or below hidden; given 3 of 3 for \"a\"");
  UNSPOOL_CHECK_ERROR((us::LSTM(params, "b", {.input = 2, .hidden = 3, .projection = -1})), bad_argument, "given -1");
  UNSPOOL_CHECK_ERROR((us::RNN(params, "c", {.input = 2, .hidden = 3, .leak = 0})), bad_argument,
                      "leak must be above 0 and at most 1; given 0");
  UNSPOOL_CHECK_ERROR((us::RNN(params, "d", {.input = 2, .hidden = 3, .leak = 1.5})), bad_argument, "given 1.5");
  UNSPOOL_CHECK_ERROR((us::RNN(params, "e", {.input = 2, .hidden = 3, .leak = 1, .learn_leak = true})), bad_argument,
                      "above 0 and below 1");
  CHECK(params.size() == 0);
  const us::LSTM lstm(params, "l", {.input = 2, .hidden = 3, .projection = 2});
  us::Tape<double> tape;
  const Var x = tape.ones({2, 1, 2});
  UNSPOOL_CHECK_ERROR(lstm(x, {tape.zeros({1, 1, 3}), tape.zeros({1, 1, 3})}), shape_mismatch,
                      "the initial state must be [1,1,2]; given [1,1,3]");
  UNSPOOL_CHECK_ERROR(lstm(x, {tape.zeros({1, 1, 2}), tape.zeros({1, 1, 2})}), shape_mismatch,
                      "the initial state must be [1,1,3]; given [1,1,2]");
}
