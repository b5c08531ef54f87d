// The fused steps of RNN, LSTM and GRU against the same layers composed of elementary ops: values, every gradient, and
// what they cost.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/graph.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;

namespace {

struct Size {
  std::int64_t steps, batch, input, hidden;
};

// Which of the results the loss reads: the walk must find the steps from each of them.
enum class Reads { outputs, state, both };

std::vector<us::Var<double>> parts(const us::Var<double>& h) { return {h}; }
std::vector<us::Var<double>> parts(const us::LSTMState<double>& s) { return {s.h, s.c}; }

template <class State>
State state_of(const std::vector<us::Var<double>>& given) {
  if constexpr (std::is_same_v<State, us::Var<double>>)
    return given[0];
  else
    return {given[0], given[1]};
}

// Everything that a run computes, in one list.
struct Results {
  std::vector<double> values, gradients;
  std::int64_t nodes = 0, value_bytes = 0;
};

void append(std::vector<double>& into, std::span<const double> values) {
  into.insert(into.end(), values.begin(), values.end());
}

template <class Layer, class Options>
Results run(const Size& size, Options options, const std::vector<std::int64_t>& lengths, Reads reads, bool initial,
            const char* frozen = "") {
  us::ParameterSet<double> params(us::Seed{9});
  options.input = size.input;
  options.hidden = size.hidden;
  const Layer layer(params, "rnn", options);
  for (us::Parameter<double>& p : params)
    if (p.name().find(frozen) != std::string::npos && *frozen != '\0') p.set_trainable(false);

  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(random_tensor({size.steps, size.batch, size.input}, 1));
  const std::int64_t cells = static_cast<std::int64_t>(layer.cells().size());
  std::vector<us::Var<double>> start;
  for (std::uint64_t k = 0; k < 2; ++k)
    start.push_back(tape.variable(random_tensor({cells, size.batch, size.hidden}, 20 + k)));
  using State = typename Layer::State;
  const us::Sequence<double> xs(x, lengths);
  const auto out = initial ? layer(xs, state_of<State>(start)) : layer(xs);

  Results r;
  const us::Var<double> ys = out.outputs.padded();
  append(r.values, ys.values());
  us::Var<double> loss = tape.scalar(0);
  if (reads != Reads::state) loss += sum(ys * tape.input(random_tensor(ys.shape(), 31)));
  std::uint64_t seed = 41;
  for (const us::Var<double>& part : parts(out.state)) {
    append(r.values, part.values());
    if (reads != Reads::outputs) loss += sum(part * tape.input(random_tensor(part.shape(), ++seed)));
  }
  tape.backward(loss);
  append(r.gradients, x.grad());
  if (initial)
    for (std::size_t k = 0; k < parts(out.state).size(); ++k) append(r.gradients, start[k].grad());
  for (us::Parameter<double>& p : params) append(r.gradients, p.grad());
  return r;
}

template <class Layer, class Options>
void check_equal(const Size& size, Options options, const std::vector<std::int64_t>& lengths) {
  CAPTURE(size.steps);
  CAPTURE(size.batch);
  CAPTURE(size.input);
  CAPTURE(size.hidden);
  for (const Reads reads : {Reads::outputs, Reads::state, Reads::both})
    for (const bool initial : {false, true}) {
      options.fused = true;
      const Results fused = run<Layer>(size, options, lengths, reads, initial);
      options.fused = false;
      const Results plain = run<Layer>(size, options, lengths, reads, initial);
      CHECK(difference(fused.values, plain.values) == "");
      CHECK(difference(fused.gradients, plain.gradients, {1e-11, 1e-11}) == "");
    }
}

template <class Layer, class Options>
void check_layer(Options options) {
  for (const std::int64_t hidden : {1, 3, 7, 17, 31, 33}) check_equal<Layer>({4, 3, 5, hidden}, options, {4, 4, 4});
  for (const std::int64_t batch : {1, 2, 9, 17, 33})
    check_equal<Layer>({3, batch, 2, 5}, options, std::vector<std::int64_t>(static_cast<std::size_t>(batch), 3));
  // Several stretches of 256 projected rows, and steps that alone are more than one.
  options.layers = 2;
  for (const bool both : {false, true}) {
    options.bidirectional = both;
    std::vector<std::int64_t> lengths;
    for (std::int64_t b = 0; b < 70; ++b) lengths.push_back(b * 7 % 10);
    check_equal<Layer>({9, 70, 2, 3}, options, lengths);
    check_equal<Layer>({3, 300, 1, 2}, options, std::vector<std::int64_t>(300, 3));
  }
  us::Random random(us::Seed{77});
  for (int round = 0; round < 12; ++round) {
    const Size size{
        1 + static_cast<std::int64_t>(random.uniform(0, 6)), 1 + static_cast<std::int64_t>(random.uniform(0, 6)),
        1 + static_cast<std::int64_t>(random.uniform(0, 4)), 1 + static_cast<std::int64_t>(random.uniform(0, 9))};
    std::vector<std::int64_t> lengths;
    for (std::int64_t b = 0; b < size.batch; ++b)
      lengths.push_back(static_cast<std::int64_t>(random.uniform(0, static_cast<double>(size.steps) + 0.999)));
    if (std::ranges::count(lengths, 0) == size.batch) lengths[0] = 1;  // else nothing is differentiable
    CAPTURE(round);
    options.bidirectional = round % 2 == 1;
    options.layers = 1 + round % 3;
    check_equal<Layer>(size, options, lengths);
  }
}

}  // namespace

TEST_CASE("the fused steps of an LSTM equal the composed layer") { check_layer<us::LSTM<double>>(us::LSTMOptions{}); }

TEST_CASE("the fused steps of a GRU equal the composed layer") { check_layer<us::GRU<double>>(us::GRUOptions{}); }

TEST_CASE("the fused steps of an RNN equal the composed layer") {
  check_layer<us::RNN<double>>(us::RNNOptions{});
  check_layer<us::RNN<double>>(us::RNNOptions{.nonlinearity = us::Nonlinearity::relu});
}

TEST_CASE("frozen parameters change no other gradient") {
  const Size size{5, 4, 3, 6};
  const std::vector<std::int64_t> lengths{5, 0, 3, 5};
  for (const char* frozen : {"weight_hh", "weight_ih", "bias_ih", "bias_hh", "rnn"}) {
    CAPTURE(frozen);
    us::LSTMOptions options{.layers = 2, .bidirectional = true};
    const Results fused = run<us::LSTM<double>>(size, options, lengths, Reads::both, true, frozen);
    options.fused = false;
    const Results plain = run<us::LSTM<double>>(size, options, lengths, Reads::both, true, frozen);
    CHECK(difference(fused.gradients, plain.gradients, {1e-11, 1e-11}) == "");
  }
}

TEST_CASE("an LSTM keeps six values a step and unit, and one node a step") {
  constexpr std::int64_t T = 50, B = 8, H = 32;
  us::ParameterSet<> params(us::Seed{1});
  const us::LSTM<> lstm(params, "rnn", {.input = 16, .hidden = H});
  us::Tape<> tape;
  const us::Var<> x = tape.input(random_tensor<float>({T, B, 16}, 3));
  const us::TapeStats before = tape.stats();
  lstm(x);
  const us::TapeStats after = tape.stats();
  CHECK(after.nodes - before.nodes < T + 24);
  // Gates, c and h; one step's worth is left for shapes, attributes and the state.
  CHECK(after.value_bytes - before.value_bytes <= 6 * (T + 1) * B * H * 4 + T * 192);
}

TEST_CASE("a step's gradient norm is that of its hidden state") {
  constexpr std::int64_t T = 6, B = 2, H = 3;
  us::ParameterSet<double> params(us::Seed{1});
  const us::LSTM<double> lstm(params, "rnn", {.input = 4, .hidden = H});
  const us::Tensor<double> values = random_tensor({T, B, 4}, 3);

  us::Tape<double> tape({.keep_gradient_norms = true});
  tape.backward(sum(square(lstm(tape.input(values)).outputs)));
  const std::vector<us::StepGradient> norms = us::gradient_by_step(us::capture(tape), {.op = "lstm_step"});
  REQUIRE(norms.size() == T);

  us::Tape<double> plain;
  const us::Var<double> x = plain.input(values);
  const us::LSTMCell<double>& cell = lstm.cells()[0];
  us::LSTMState<double> state = cell.zero_state(plain, B);
  us::Var<double> loss = plain.scalar(0);
  std::vector<us::Var<double>> hs;
  for (std::int64_t t = 0; t < T; ++t) {
    state = cell(select(x, 0, t), state);
    plain.keep_grad(state.h);
    hs.push_back(state.h);
    loss += sum(square(state.h));
  }
  plain.backward(loss);
  for (std::size_t t = 0; t < hs.size(); ++t) {
    double squares = 0;
    for (const double g : hs[t].grad()) squares += g * g;
    CHECK(norms[t].norm == doctest::Approx(std::sqrt(squares)).epsilon(1e-12));
  }
}

TEST_CASE("a NaN is reported at the step where it appears") {
  us::ParameterSet<double> params(us::Seed{1});
  const us::LSTM<double> lstm(params, "rnn", {.input = 2, .hidden = 3});
  us::Tape<double> tape({.watch = us::Watch::record});
  us::Tensor<double> x = random_tensor({5, 2, 2}, 3);
  x.values()[3 * 2 * 2] = std::numeric_limits<double>::quiet_NaN();
  lstm(tape.input(x));
  // The input itself is no op's result; the projection of all steps is the first.
  CHECK(tape.first_nonfinite().find("rnn") != std::string::npos);
}
