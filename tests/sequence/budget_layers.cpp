// Layers within a byte budget: random stacks, each walked in full and within a random budget. All gradients must have
// the same bits, and the budget must hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

#include "support/caught.hpp"
#include "support/random_rows.hpp"
#include "unspool/unspool.hpp"

namespace us = unspool;
using us::test::random_tensor;

namespace {

using std::int64_t;

enum Kind : int { lstm, lstm_projected, lstm_normalized, gru, gru_before, rnn, rnn_leaky, kinds };

/// What decides a case. Everything is drawn from one seed, which a failure prints.
struct Case {
  std::uint64_t seed;
  int kind, layers;
  int64_t steps, batch, input, hidden;
  bool bidirectional, residual, variational, ragged, fused, initial, outputs, training;
  double dropout, recurrent_dropout, zoneout, budget;

  explicit Case(std::uint64_t number) : seed(number) {
    std::mt19937_64 draw(number * 6271 + 5);
    const auto upto = [&](int64_t n) { return static_cast<int64_t>(draw() % static_cast<std::uint64_t>(n)); };
    kind = static_cast<int>(upto(kinds));
    layers = 1 + static_cast<int>(upto(3));
    steps = 1 + upto(upto(4) == 0 ? 60 : 16);
    batch = 1 + upto(5);
    input = 1 + upto(4);
    hidden = 2 + (upto(12) == 0 ? 66 + upto(8) : upto(8));
    bidirectional = upto(2) == 0;
    residual = upto(3) == 0;
    variational = upto(2) == 0;
    ragged = upto(2) == 0;
    fused = upto(3) != 0;
    initial = upto(2) == 0;
    outputs = upto(4) != 0;
    training = upto(5) != 0;
    dropout = upto(2) == 0 ? 0 : 0.3;
    recurrent_dropout = upto(3) == 0 ? 0.2 : 0;
    zoneout = upto(3) == 0 ? 0.15 : 0;
    budget = static_cast<double>(upto(1000)) / 1000;
    budget *= budget;
  }
};

/// A layer in float or double, and what it is trained on.
template <class T>
class Trial {
 public:
  explicit Trial(const Case& c) : c_(c) {}

  std::vector<T> run(int64_t memory) {
    us::Tape<T> tape({.seed = c_.seed});
    params_.zero_grad();
    const auto [x, xs] = us::test::random_rows(tape, {c_.steps, c_.batch, c_.input}, c_.ragged, c_.seed);
    const int64_t cells = c_.layers * (c_.bidirectional ? 2 : 1), P = c_.kind == lstm_projected ? c_.hidden - 1 : 0;
    const us::Var<T> h0 = tape.variable(random_tensor<T>({cells, c_.batch, P > 0 ? P : c_.hidden}, 5)),
                     c0 = tape.variable(random_tensor<T>({cells, c_.batch, c_.hidden}, 6));
    const us::Var<T> loss = record(xs, h0, c0, P, {.memory = memory, .outputs = c_.outputs});
    tape.backward(loss);
    stats = us::recompute_stats(tape);
    bytes = tape.stats().peak_bytes;
    std::vector<T> all{loss.item()};
    for (us::Parameter<T>& p : params_) all.insert(all.end(), p.grad().begin(), p.grad().end());
    for (const us::Var<T>& v : {x, h0, c0}) all.insert(all.end(), v.grad().begin(), v.grad().end());
    return all;
  }

  us::RecomputeStats stats;
  int64_t bytes = 0;

 private:
  template <class Options>
  Options with_stack(Options options) const {
    options.input = c_.input, options.hidden = c_.hidden, options.layers = c_.layers;
    options.bidirectional = c_.bidirectional, options.residual = c_.residual, options.fused = c_.fused;
    options.dropout = c_.dropout, options.variational = c_.variational;
    options.recurrent_dropout = c_.recurrent_dropout, options.zoneout = c_.zoneout;
    return options;
  }
  template <class Layer, class State>
  us::Var<T> loss_of(Layer& layer, const us::Sequence<T>& xs, const State& start, const us::RunOptions& options) {
    layer.set_training(c_.training);
    auto [ys, last] = c_.initial ? layer(xs, start, options) : layer(xs, options);
    us::Var<T> loss;
    us::for_each_var(last, [&](const us::Var<T>& v) {
      const us::Var<T> term = sum(square(v)) + sum(v * 0.7);
      loss = loss.empty() ? term : loss + term;
    });
    if (c_.outputs) loss += sum(square(ys.packed())) + sum(ys.packed() * 0.3);
    return loss;
  }
  us::Var<T> record(const us::Sequence<T>& xs, const us::Var<T>& h0, const us::Var<T>& c0, int64_t P,
                    const us::RunOptions& options) {
    if (c_.kind <= lstm_normalized) {
      if (!lstm_)
        lstm_.emplace(params_, "lstm",
                      with_stack(us::LSTMOptions{.projection = P,
                                                 .peephole = c_.kind == lstm_normalized,
                                                 .layer_norm = c_.kind == lstm_normalized,
                                                 .zoneout_cell = c_.zoneout}));
      return loss_of(*lstm_, xs, us::LSTMState<T>{h0, c0}, options);
    }
    if (c_.kind <= gru_before) {
      if (!gru_)
        gru_.emplace(params_, "gru",
                     with_stack(us::GRUOptions{.reset = c_.kind == gru_before ? us::Reset::before : us::Reset::after}));
      return loss_of(*gru_, xs, h0, options);
    }
    if (!rnn_) rnn_.emplace(params_, "rnn", with_stack(us::RNNOptions{.leak = c_.kind == rnn_leaky ? 0.4 : 1.0}));
    return loss_of(*rnn_, xs, h0, options);
  }

  const Case& c_;
  us::ParameterSet<T> params_{us::Seed{c_.seed}};
  std::optional<us::LSTM<T>> lstm_;
  std::optional<us::GRU<T>> gru_;
  std::optional<us::RNN<T>> rnn_;
};

/// The number that an error names as the least possible budget.
int64_t least_in(const us::Error& error) {
  const std::string text = error.what();
  const std::size_t at = text.find("at least ");
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + 9);
}

/// True where steps were computed again.
template <class T>
bool try_case(const Case& c) {
  Trial<T> trial(c);
  const std::vector<T> full = trial.run(us::UnrollOptions::unlimited);
  const int64_t most = trial.bytes;
  int64_t least = -1;
  try {
    trial.run(1);
  } catch (const us::Error& error) {
    least = least_in(error);
  }
  REQUIRE(least > 1);
  const auto memory = least + static_cast<int64_t>(c.budget * static_cast<double>(std::max(most - least, int64_t{0})));
  const std::vector<T> within = trial.run(memory);
  const bool same =
      full.size() == within.size() && std::memcmp(full.data(), within.data(), full.size() * sizeof(T)) == 0;
  const us::RecomputeStats& stats = trial.stats;
  INFO("case ", c.seed, " took ", stats.peak_bytes, " of ", memory, " and computed ", stats.forwards);
  CHECK(same);
  CHECK(stats.peak_bytes <= memory);
  CHECK(stats.forwards == stats.planned_forwards);
  return stats.forwards > stats.plan.steps * c.layers * (c.bidirectional ? 2 : 1);
}

}  // namespace

TEST_CASE("five hundred random layers have the same gradients within a budget, bit for bit") {
  int recomputed = 0;
  for (std::uint64_t number = 0; number < 500; ++number)
    recomputed += number % 2 == 0 ? try_case<float>(Case(number)) : try_case<double>(Case(number));
  CHECK(recomputed > 250);
}

TEST_CASE("a layer's impossible budget is told with the least possible one, and the tape goes on") {
  us::ParameterSet<double> params(us::Seed{3});
  us::LSTM<double> lstm(params, "lstm", {.input = 2, .hidden = 4, .layers = 2, .bidirectional = true});
  us::Tape<double> tape;
  const us::Sequence<double> x(tape.input(random_tensor({6, 2, 2}, 1)));
  const int64_t nodes = tape.stats().nodes;
  int64_t least = 0;
  for (const int64_t memory : {int64_t{0}, int64_t{-5}, INT64_MIN}) {
    const us::Error error = us::test::error_from([&] { lstm(x, {.memory = memory}); });
    CHECK(error.code() == us::ErrorCode::bad_argument);
    CHECK(std::string(error.what()).find("LSTM: the memory for 4 runs of 6 steps must be at least ") == 0);
    CHECK(tape.stats().nodes == nodes);
    least = least_in(error);
  }
  CHECK(us::test::error_from([&] { lstm(x, {.memory = least - 1}); }).code() == us::ErrorCode::bad_argument);
  auto [ys, last] = lstm(x, {.memory = least});
  tape.backward(sum(ys.packed()));
  CHECK(us::recompute_stats(tape).peak_bytes <= least);
}

TEST_CASE("a layer may be gone when its budgeted steps are walked back, its parameters not") {
  us::ParameterSet<double> params(us::Seed{3});
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(random_tensor({30, 2, 2}, 1));
  const auto loss = [&](int64_t memory) {
    us::GRU<double> gru(params, "gru", {.input = 2, .hidden = 4, .layers = 2});
    return sum(square(gru(x, {.memory = memory}).outputs));
  };
  tape.backward(loss(us::KiB(40)));
  CHECK(us::recompute_stats(tape).forwards > 60);
  const std::vector<double> given(x.grad().begin(), x.grad().end());
  us::ParameterSet<double> same(us::Seed{3});
  us::GRU<double> gru(same, "gru", {.input = 2, .hidden = 4, .layers = 2});
  us::Tape<double> plain;
  const us::Var<double> y = plain.variable(random_tensor({30, 2, 2}, 1));
  plain.backward(sum(square(gru(y).outputs)));
  CHECK(std::ranges::equal(given, y.grad()));
}

TEST_CASE("a layer over no steps, no rows or one step takes a budget too") {
  us::ParameterSet<double> params(us::Seed{3});
  us::LSTM<double> lstm(params, "lstm", {.input = 2, .hidden = 3, .layers = 2, .bidirectional = true});
  for (const int64_t steps : {0, 1, 4})
    for (const int64_t batch : {0, 1, 2}) {
      CAPTURE(steps);
      CAPTURE(batch);
      us::Tape<double> tape;
      const us::Var<double> x = tape.variable(us::Tensor<double>(us::Shape{steps, batch, 2}));
      auto [ys, last] = lstm(x, {.memory = us::MiB(1)});
      CHECK(ys.shape() == us::Shape{steps, batch, 6});
      CHECK(last.h.shape() == us::Shape{4, batch, 3});
      if (steps > 0) tape.backward(sum(ys) + sum(last.c));
    }
}
