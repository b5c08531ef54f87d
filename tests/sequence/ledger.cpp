// A parameter's gradient split by step: the shares add up, and are those of the steps, whoever runs the recurrence.
#include "unspool/ledger.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"
#include "unspool/parallel.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;

namespace {

constexpr std::int64_t input = 3, hidden = 4, batch = 3;

// The shares add up to the gradient, which one walk has left, to 1e-12 of its largest entry.
void check_sums(const us::Tape<double>& tape, const us::ParameterSet<double>& params) {
  for (const us::Parameter<double>& p : params) {
    CAPTURE(p.name());
    std::vector<double> sum(p.grad().size());
    for (const us::StepShare& row : us::step_shares(tape, p)) {
      const us::Tensor<double> share = us::step_share(tape, p, row.step);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += share.values()[i];
    }
    double scale = 0, worst = 0;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      scale = std::max(scale, std::abs(p.grad()[i]));
      worst = std::max(worst, std::abs(p.grad()[i] - sum[i]));
    }
    CHECK(scale > 0);
    CHECK(worst <= 1e-12 * scale);
  }
}

std::vector<std::int64_t> steps_of(const us::Tape<double>& tape, const us::Parameter<double>& p) {
  std::vector<std::int64_t> steps;
  for (const us::StepShare& row : us::step_shares(tape, p)) steps.push_back(row.step);
  return steps;
}

std::vector<std::int64_t> counted(std::int64_t count) {
  std::vector<std::int64_t> steps;
  for (std::int64_t t = 0; t < count; ++t) steps.push_back(t);
  return steps;
}

us::Var<double> output(const us::Var<double>& h) { return h; }
us::Var<double> output(const us::LSTMState<double>& state) { return state.h; }

template <class Cell, class Options>
void check_loop(Options options, const us::TapeOptions& tape_options) {
  us::ParameterSet<double> params(us::Seed{5});
  options.input = input, options.hidden = hidden;
  const Cell cell(params, "cell", options);
  us::Tape<double> tape(tape_options);
  auto state = cell.zero_state(tape, batch);
  us::Var<double> loss = tape.zeros({});
  for (int t = 0; t < 9; ++t) {
    const auto step = tape.step(t);
    state = cell(tape.input(random_tensor({batch, input}, static_cast<std::uint64_t>(t))), state);
    loss += sum(square(output(state)));
  }
  tape.backward(loss);
  check_sums(tape, params);
  for (const us::Parameter<double>& p : params) CHECK(steps_of(tape, p) == counted(9));
}

template <class Layer, class Options>
void check_layer(Options options, std::int64_t steps, const us::TapeOptions& tape_options) {
  us::ParameterSet<double> params(us::Seed{6});
  options.input = input, options.hidden = hidden;
  const Layer layer(params, "layer", options);
  const us::Linear<double> head(params, "head", {.input = hidden * (options.bidirectional ? 2 : 1), .output = 2});
  us::Tape<double> tape(tape_options);
  const std::vector<std::int64_t> lengths{steps - 2, steps, 1};
  const us::Sequence<double> xs(tape.input(random_tensor({steps, batch, input}, 1)), lengths);
  auto [ys, state] = layer(xs);
  tape.backward(sum(square(head(ys).packed())));
  check_sums(tape, params);
  for (const us::Parameter<double>& p : params)
    if (p.name().find("_hh") == std::string::npos) CHECK(steps_of(tape, p) == counted(steps));
}

}  // namespace

TEST_CASE("in a loop over a cell the shares of its parameters add up to the gradient") {
  for (const bool fused : {true, false}) {
    us::TapeOptions options{.step_ledger = true};
    for (const std::int64_t bytes : {std::int64_t{8} << 20, std::int64_t{0}, std::int64_t{700}}) {
      options.deferred_bytes = bytes;
      check_loop<us::RNNCell<double>>(us::RNNCellOptions{.fused = fused}, options);
      check_loop<us::LSTMCell<double>>(us::LSTMCellOptions{.fused = fused}, options);
      check_loop<us::GRUCell<double>>(us::GRUCellOptions{.fused = fused}, options);
    }
    options.defer_products = false;
    check_loop<us::LSTMCell<double>>(us::LSTMCellOptions{.fused = fused}, options);
  }
}

TEST_CASE("in a layer over a ragged batch the shares add up, and rows of one product count for their steps") {
  // 400 steps are more rows than one product reads at a stretch, so that queues are flushed during the walk.
  for (const std::int64_t steps : {6, 400})
    for (const bool both : {false, true})
      for (const bool fused : {true, false}) {
        CAPTURE(steps);
        CAPTURE(both);
        CAPTURE(fused);
        const us::TapeOptions options{.step_ledger = true};
        check_layer<us::RNN<double>>(us::RNNOptions{.layers = 2, .bidirectional = both, .fused = fused}, steps,
                                     options);
        check_layer<us::LSTM<double>>(us::LSTMOptions{.layers = 2, .bidirectional = both, .fused = fused}, steps,
                                      options);
        check_layer<us::GRU<double>>(us::GRUOptions{.layers = 2, .bidirectional = both, .fused = fused}, steps,
                                     options);
      }
}

TEST_CASE("a layer's shares are those of a loop over its cell") {
  us::ParameterSet<double> params(us::Seed{7});
  const us::LSTM<double> lstm(params, "lstm", {.input = input, .hidden = hidden});
  const us::Tensor<double> x = random_tensor({5, batch, input}, 3);
  us::Tape<double> whole({.step_ledger = true}), loop({.step_ledger = true});
  whole.backward(sum(square(lstm(whole.input(x)).outputs)));

  const us::LSTMCell<double>& cell = lstm.cells()[0];
  us::LSTMState<double> state = cell.zero_state(loop, batch);
  us::Var<double> loss = loop.zeros({});
  for (std::int64_t t = 0; t < 5; ++t) {
    const auto step = loop.step(t);
    const std::size_t size = batch * input;
    state = cell(loop.input({batch, input}, x.values().subspan(static_cast<std::size_t>(t) * size, size)), state);
    loss += sum(square(state.h));
  }
  loop.backward(loss);
  for (const us::Parameter<double>& p : params)
    for (std::int64_t t = 0; t < 5; ++t) {
      CAPTURE(p.name());
      CHECK(difference(us::step_share(whole, p, t).values(), us::step_share(loop, p, t).values()) == "");
    }
}

TEST_CASE("a product over a plain tensor belongs to the step it was recorded in, or to none") {
  us::ParameterSet<double> params(us::Seed{8});
  const us::Linear<double> linear(params, "linear", {.input = input, .output = 2});
  us::Tape<double> tape({.step_ledger = true});
  const us::Var<double> x = tape.input(random_tensor({4, batch, input}, 1));
  us::Var<double> loss = sum(linear(x));
  {
    const auto step = tape.step(7);
    loss += sum(square(linear(x)));
  }
  tape.backward(loss);
  CHECK(steps_of(tape, params["linear.weight"]) == std::vector<std::int64_t>{us::StepShare::outside, 7});
  check_sums(tape, params);
}

TEST_CASE("shards on tapes with a ledger have the gradients of shards without") {
  us::ParameterSet<double> params(us::Seed{9});
  const us::GRU<double> gru(params, "gru", {.input = input, .hidden = hidden});
  const us::Tensor<double> x = random_tensor({4, 6, input}, 2);
  us::ThreadPool pool(2);
  const auto gradients = [&](bool ledger) {
    params.zero_grad();
    us::data_parallel<double>(pool, {.rows = 6, .count = 3},
                              [&](us::Tape<double>& tape, const us::Shard& shard) {
                                return mean(square(gru(slice(tape.input(x), 1, shard.begin, shard.end)).outputs));
                              },
                              {.tape = {.step_ledger = ledger}});
    std::vector<double> all;
    for (const us::Parameter<double>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
    return all;
  };
  const std::vector<double> plain = gradients(false);
  CHECK(difference(gradients(true), plain) == "");
  CHECK(std::ranges::any_of(plain, [](double g) { return g != 0; }));
}
