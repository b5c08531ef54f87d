// A thousand random networks, each walked in full and within a random budget: all gradients must have the same bits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

#include "support/random_rows.hpp"
#include "unspool/unspool.hpp"

namespace us = unspool;
using us::test::random_tensor;

namespace {

using std::int64_t;

/// The number that an error names as the least possible budget.
int64_t least_in(const us::Error& error) {
  const std::string text = error.what();
  const std::size_t at = text.find("at least ");
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + 9);
}

enum Kind : int { lstm, gru, rnn, lstm_composed, gru_composed, user, user_pair, losses, kinds };

/// What decides a case. Everything is drawn from one seed, which a failure prints.
struct Case {
  std::uint64_t seed;
  int kind;
  int64_t steps, batch, input, hidden;
  bool reverse, ragged, dropout, nested, trained_start, outputs;
  double budget;  // between the least possible and what keeps everything

  explicit Case(std::uint64_t number) : seed(number) {
    std::mt19937_64 draw(number * 7919 + 1);
    const auto upto = [&](int64_t n) { return static_cast<int64_t>(draw() % static_cast<std::uint64_t>(n)); };
    kind = static_cast<int>(upto(kinds));
    steps = 1 + upto(upto(4) == 0 ? 60 : 20);
    batch = 1 + upto(5);
    input = 1 + upto(4);
    hidden = upto(12) == 0 ? 66 + upto(8) : 1 + upto(9);  // above 64, products have several blocks of 256
    reverse = upto(2) == 0;
    ragged = upto(2) == 0;
    dropout = upto(2) == 0;
    nested = upto(3) == 0;
    trained_start = upto(2) == 0;
    outputs = upto(4) != 0;
    budget = static_cast<double>(upto(1000)) / 1000;
    budget *= budget;
  }
};

/// h' = tanh(dropout(x W + b) + h U), the last part within a checkpoint of its own if asked for.
template <class T>
struct UserCell {
  us::Parameter<T>&w, &u, &b;
  bool dropout, nested, pair;

  us::Var<T> next(const us::Var<T>& x, const us::Var<T>& h) const {
    us::Var<T> in = matmul(x, w) + b;
    if (dropout) in = us::dropout(in, 0.3);
    const auto mix = [*this](const us::Var<T>& a, const us::Var<T>& before) {
      const us::Var<T> sum = a + matmul(before, u);
      return tanh(dropout ? us::dropout(sum, 0.2) : sum);
    };
    return nested ? us::checkpoint(mix, in, h) : mix(in, h);
  }
  us::Var<T> operator()(const us::Var<T>& x, const us::Var<T>& h) const { return next(x, h); }
};
template <class T>
struct PairCell {
  UserCell<T> cell;
  auto operator()(const us::Var<T>& x, const us::LSTMState<T>& s) const {
    const us::Var<T> h = cell.next(x, s.h);
    return std::pair(h * s.c, us::LSTMState<T>{h, s.c});  // c is handed on as it is
  }
};

template <class T>
class Network {
 public:
  explicit Network(const Case& c) : c_(c) {}

  /// All gradients, and the forwards and peak in `stats`.
  std::vector<T> run(int64_t memory, us::RecomputeStats& stats) {
    us::Tape<T> tape({.seed = c_.seed});
    params_.zero_grad();
    const auto [x, xs] = us::test::random_rows(tape, {c_.steps, c_.batch, c_.input}, c_.ragged, c_.seed);
    const us::Tensor<T> start = random_tensor<T>({c_.batch, c_.hidden}, 5);
    const us::Var<T> h0 = c_.trained_start ? tape.variable(start) : tape.input(start);
    const us::Var<T> loss = record(tape, xs, x, h0, {.reverse = c_.reverse, .memory = memory, .outputs = c_.outputs});
    if (loss.empty()) return {};
    tape.backward(loss);
    stats = us::recompute_stats(tape);
    std::vector<T> all{loss.item()};
    for (us::Parameter<T>& p : params_) all.insert(all.end(), p.grad().begin(), p.grad().end());
    all.insert(all.end(), x.grad().begin(), x.grad().end());
    if (c_.trained_start) all.insert(all.end(), h0.grad().begin(), h0.grad().end());
    return all;
  }

 private:
  us::Var<T> record(us::Tape<T>& tape, const us::Sequence<T>& xs, const us::Var<T>& x, const us::Var<T>& h0,
                    const us::UnrollOptions& options) {
    const int64_t I = c_.input, H = c_.hidden;
    const bool composed = c_.kind == lstm_composed || c_.kind == gru_composed;
    if (c_.kind == lstm || c_.kind == lstm_composed) {
      if (!lstm_) lstm_.emplace(params_, "lstm", us::LSTMCellOptions{.input = I, .hidden = H, .fused = !composed});
      auto [ys, last] = us::unroll(*lstm_, xs, us::LSTMState<T>{h0, h0 * 0.5}, options);
      return loss_of(ys, last.h, last.c);
    }
    if (c_.kind == gru || c_.kind == gru_composed) {
      if (!gru_) gru_.emplace(params_, "gru", us::GRUCellOptions{.input = I, .hidden = H, .fused = !composed});
      auto [ys, last] = us::unroll(*gru_, xs, h0, options);
      return loss_of(ys, last, last);
    }
    if (c_.kind == rnn) {
      if (!rnn_)
        rnn_.emplace(params_, "rnn",
                     us::RNNCellOptions{.input = I, .hidden = H, .nonlinearity = us::Nonlinearity::relu});
      auto [ys, last] = us::unroll(*rnn_, xs, h0, options);
      return loss_of(ys, last, last);
    }
    if (params_.size() == 0) {
      params_.add("w", {I, H}, us::xavier_uniform());
      params_.add("u", {H, H}, us::xavier_uniform());
      params_.add("b", {H}, us::normal());
    }
    const UserCell<T> cell{params_["w"], params_["u"], params_["b"], c_.dropout, c_.nested, false};
    if (c_.kind == user) {
      auto [ys, last] = us::unroll(cell, xs, h0, options);
      return loss_of(ys, last, last);
    }
    if (c_.kind == user_pair) {
      auto [ys, last] = us::unroll(PairCell<T>{cell}, xs, us::LSTMState<T>{h0, h0 * 0.5}, options);
      return loss_of(ys, last.h, last.c);
    }
    const auto step = [cell, x](int64_t t, const us::Var<T>& h) {
      const us::Var<T> next = cell.next(select(x, 0, t), h);
      return std::pair(sum(square(next)) * (1.0 + static_cast<double>(t)), next);
    };
    auto [loss, last] = us::unroll(c_.steps, step, h0, options);
    (void)tape;
    return loss + sum(last * 3.0);
  }
  us::Var<T> loss_of(const us::Sequence<T>& ys, const us::Var<T>& h, const us::Var<T>& c) {
    us::Var<T> loss = sum(h * 0.7) + sum(square(c));
    if (c_.outputs) loss += sum(square(ys.packed())) + sum(ys.packed() * 0.3);
    return loss + sum(h * h);
  }

  const Case& c_;
  us::ParameterSet<T> params_{us::Seed{c_.seed}};
  std::optional<us::LSTMCell<T>> lstm_;
  std::optional<us::GRUCell<T>> gru_;
  std::optional<us::RNNCell<T>> rnn_;
};

struct Tally {
  int recomputed = 0, different = 0, over_budget = 0, off_plan = 0;
};

template <class T>
void try_case(const Case& c, Tally& tally) {
  Network<T> network(c);
  us::RecomputeStats stats, full_stats;
  const std::vector<T> full = network.run(us::UnrollOptions::unlimited, full_stats);
  int64_t least = 0, most = 0;
  try {
    network.run(1, stats);
  } catch (const us::Error& error) {
    least = least_in(error);
  }
  network.run(us::GiB(1), stats);
  most = std::max(stats.plan.peak_bytes + us::GiB(1) - stats.plan.budget, least);
  const auto memory = least + static_cast<int64_t>(c.budget * static_cast<double>(most - least));
  const std::vector<T> within = network.run(memory, stats);
  const bool same =
      full.size() == within.size() && std::memcmp(full.data(), within.data(), full.size() * sizeof(T)) == 0;
  tally.recomputed += stats.plan.forwards > stats.plan.steps;
  tally.different += !same;
  tally.over_budget += stats.peak_bytes > memory;
  tally.off_plan += !(c.nested && c.kind >= user) && stats.forwards != stats.plan.forwards;
  if (!same || stats.peak_bytes > memory)
    FAIL_CHECK("case ", c.seed, same ? " has the same bits" : " has other bits", " and took ", stats.peak_bytes, " of ",
               memory);
}

}  // namespace

TEST_CASE("a thousand random networks have the same gradients within a budget, bit for bit") {
  Tally tally;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    const Case c(number);
    if (number % 2 == 0)
      try_case<float>(c, tally);
    else
      try_case<double>(c, tally);
  }
  CHECK(tally.different == 0);
  CHECK(tally.over_budget == 0);
  CHECK(tally.off_plan == 0);
  CHECK(tally.recomputed > 500);
}
