// Forward-in-time learning against backpropagation through time, which shares nothing with it but the step.
#include "unspool/forward_learning.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/cells.hpp"
#include "unspool/layers.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;

namespace {

constexpr std::int64_t T = 6, B = 2, I = 3, H = 4;

using Loss = std::function<us::Var<double>(const us::Var<double>&, int t)>;

us::Tensor<double> input_at(int t, std::int64_t batch = B) {
  return random_tensor({batch, I}, 100 + static_cast<std::uint64_t>(t));
}

std::vector<double> gradients(const us::ParameterSet<double>& params) {
  std::vector<double> all;
  for (const us::Parameter<double>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
  return all;
}

std::int64_t state_rows(const us::Var<double>& h) { return h.shape()[0]; }
std::int64_t state_rows(const us::LSTMState<double>& s) { return s.h.shape()[0]; }
template <class A, class B2>
std::int64_t state_rows(const std::pair<A, B2>& s) {
  return s.first.shape()[0];
}

/// Backpropagation through time: the plain loop.
template <class Cell, class State>
std::vector<double> through_time(us::ParameterSet<double>& params, Cell& cell, State state, us::Tape<double>& tape,
                                 const Loss& loss) {
  params.zero_grad();
  us::Var<double> total = tape.scalar(0);
  for (int t = 0; t < T; ++t)
    total += loss(us::detail::single_step<double>(cell, tape.input(input_at(t, state_rows(state))), state), t);
  tape.backward(total);
  return gradients(params);
}

template <class Cell, class State>
std::vector<double> forward_in_time(us::ParameterSet<double>& params, Cell& cell, const State& state, const Loss& loss,
                                    const us::ForwardOptions& options) {
  params.zero_grad();
  auto learner = us::forward_learner<double>(cell, state, options);
  for (int t = 0; t < T; ++t)
    learner.step(input_at(t, state_rows(state)), [&](const us::Var<double>& y) { return loss(y, t); });
  return gradients(params);
}

/// A readout that is not part of the cell, and a loss at every step but one.
Loss readout(const us::ParameterSet<double>& params) {
  return [&params](const us::Var<double>& y, int t) {
    return sum(square(linear(y, params["out"]))) * (t == 2 ? 0.0 : 0.5 + t);
  };
}

template <class Cell, class State>
void check_rtrl(us::ParameterSet<double>& params, Cell& cell, const State& state, us::Tape<double>& tape) {
  const Loss loss = readout(params);
  const std::vector<double> exact = through_time(params, cell, state, tape, loss);
  CHECK(difference(forward_in_time(params, cell, state, loss, {}), exact, {1e-10, 1e-10}) == "");
}

}  // namespace

TEST_CASE("real-time recurrent learning has the gradient of backpropagation through time") {
  us::ParameterSet<double> params(us::Seed{3});
  params.add("out", {2, H}, us::xavier_uniform());
  us::Tape<double> tape;
  SUBCASE("RNN") {
    us::RNNCell<double> cell(params, "cell", {.input = I, .hidden = H});
    check_rtrl(params, cell, tape.variable(random_tensor({B, H}, 1)), tape);
  }
  SUBCASE("LSTM") {
    us::LSTMCell<double> cell(params, "cell", {.input = I, .hidden = H});
    us::LSTMState<double> state{tape.variable(random_tensor({B, H}, 1)), tape.variable(random_tensor({B, H}, 2))};
    check_rtrl(params, cell, state, tape);
  }
  SUBCASE("GRU") {
    us::GRUCell<double> cell(params, "cell", {.input = I, .hidden = H});
    check_rtrl(params, cell, cell.zero_state(tape, B), tape);
  }
  SUBCASE("a frozen parameter gets nothing") {
    us::GRUCell<double> cell(params, "cell", {.input = I, .hidden = H});
    params["cell.weight_hh"].set_trainable(false);
    check_rtrl(params, cell, cell.zero_state(tape, B), tape);
  }
  SUBCASE("a user's cell, one part of whose state stays as it was") {
    us::Parameter<double>& w = params.add("w", {H, I}, us::xavier_uniform());
    us::Parameter<double>& u = params.add("u", {H, H}, us::orthogonal());
    using State = std::pair<us::Var<double>, us::Var<double>>;
    auto cell = [&](const us::Var<double>& x, const State& s) {
      return State{tanh(linear(x, w) + linear(s.first, u) + s.second), s.second};
    };
    check_rtrl(params, cell, State{tape.variable(random_tensor({B, H}, 1)), tape.variable(random_tensor({B, H}, 2))},
               tape);
  }
}

TEST_CASE("SnAp-1 is exact where the units of a state do not mix") {
  us::ParameterSet<double> params(us::Seed{4});
  params.add("out", {2, H}, us::xavier_uniform());
  us::Parameter<double>& w = params.add("w", {H, I}, us::xavier_uniform());
  us::Parameter<double>& u = params.add("u", {H}, us::uniform(0.5, 0.9));
  auto cell = [&](const us::Var<double>& x, const us::Var<double>& h) { return tanh(linear(x, w) + h * u); };
  us::Tape<double> tape;
  const us::Var<double> start = tape.variable(random_tensor({B, H}, 1));
  const Loss loss = readout(params);
  const std::vector<double> exact = through_time(params, cell, start, tape, loss);
  CHECK(difference(forward_in_time(params, cell, start, loss, {.method = us::ForwardMethod::snap1}), exact,
                   {1e-11, 1e-11}) == "");
}

TEST_CASE("SnAp-1 keeps of the influence what one step makes") {
  // h' = tanh(W x + U h): w_ij and u_ij reach unit i alone, so J keeps J[i, u_ij] = f'_i (h_j + U_ii J[i, u_ij]).
  us::ParameterSet<double> params(us::Seed{5});
  us::Parameter<double>& w = params.add("w", {H, I}, us::xavier_uniform());
  us::Parameter<double>& u = params.add("u", {H, H}, us::orthogonal());
  auto cell = [&](const us::Var<double>& x, const us::Var<double>& h) { return tanh(linear(x, w) + linear(h, u)); };
  us::Tape<double> tape;
  const us::Var<double> start = tape.variable(random_tensor({1, H}, 1));
  const Loss loss = [](const us::Var<double>& y, int) { return sum(square(y)); };
  const std::vector<double> found = forward_in_time(params, cell, start, loss, {.method = us::ForwardMethod::snap1});

  std::vector<double> h(start.values().begin(), start.values().end()), expected(found.size());
  std::vector<double> kept(static_cast<std::size_t>(H * H));
  const std::size_t first_u = static_cast<std::size_t>(H * I);
  for (int t = 0; t < T; ++t) {
    const us::Tensor<double> x = input_at(t, 1);
    std::vector<double> next(h.size()), after(kept.size());
    for (std::size_t i = 0; i < h.size(); ++i) {
      double a = 0;
      for (std::size_t j = 0; j < I; ++j) a += w.values()[i * I + j] * x.values()[j];
      for (std::size_t j = 0; j < H; ++j) a += u.values()[i * H + j] * h[j];
      next[i] = std::tanh(a);
      for (std::size_t j = 0; j < H; ++j)
        after[i * H + j] = (1 - next[i] * next[i]) * (h[j] + u.values()[i * H + i] * kept[i * H + j]);
    }
    // The step's own loss reaches u through its last step exactly, and through the kept influence before it.
    for (std::size_t i = 0; i < h.size(); ++i) {
      const double delta = 2 * next[i] * (1 - next[i] * next[i]);
      for (std::size_t j = 0; j < H; ++j) {
        expected[first_u + i * H + j] += delta * h[j];
        for (std::size_t k = 0; k < H; ++k)
          expected[first_u + k * H + j] += delta * u.values()[i * H + k] * kept[k * H + j];
      }
    }
    h = next, kept = after;
  }
  const auto from = static_cast<std::ptrdiff_t>(first_u);
  CHECK(difference(std::vector<double>(found.begin() + from, found.end()),
                   std::vector<double>(expected.begin() + from, expected.end()), {1e-12, 1e-12}) == "");
}

TEST_CASE("the mean of UORO's gradients over many draws is the exact gradient") {
  us::ParameterSet<double> params(us::Seed{6});
  us::RNNCell<double> cell(params, "cell", {.input = I, .hidden = 2});
  us::Tape<double> tape;
  const us::Var<double> start = tape.variable(random_tensor({1, 2}, 1));
  const Loss loss = [](const us::Var<double>& y, int t) { return t == T - 1 ? sum(y) : sum(y) * 0.0; };
  const std::vector<double> exact = through_time(params, cell, start, tape, loss);
  constexpr int draws = 3000;
  std::vector<double> mean(exact.size()), squares(exact.size());
  for (int k = 0; k < draws; ++k) {
    const std::vector<double> one = forward_in_time(
        params, cell, start, loss, {.method = us::ForwardMethod::uoro, .seed = static_cast<std::uint64_t>(k)});
    for (std::size_t p = 0; p < one.size(); ++p) mean[p] += one[p] / draws, squares[p] += one[p] * one[p] / draws;
  }
  bool varies = false;
  for (std::size_t p = 0; p < exact.size(); ++p) {
    const double deviation = std::sqrt(std::max(0.0, squares[p] - mean[p] * mean[p]) / draws);
    CHECK(std::abs(mean[p] - exact[p]) <= 4.5 * deviation + 1e-12);
    CHECK(deviation < 0.05);
    varies = varies || deviation > 1e-6;
  }
  CHECK(varies);
}

TEST_CASE("a learner starts over, and an error leaves it where it was") {
  us::ParameterSet<double> params(us::Seed{7});
  us::GRUCell<double> cell(params, "cell", {.input = I, .hidden = H});
  us::Tape<double> tape;
  auto learner = us::forward_learner<double>(cell, cell.zero_state(tape, B));
  const auto loss = [](const us::Var<double>& y) { return sum(square(y)); };
  const auto two_steps = [&] {
    params.zero_grad();
    learner.step(input_at(0), loss);
    learner.step(input_at(1), loss);
    return gradients(params);
  };
  const std::vector<double> first = two_steps();
  learner.restart();
  CHECK(two_steps() == first);

  learner.restart();
  params.zero_grad();
  learner.step(input_at(0), loss);
  UNSPOOL_CHECK_ERROR(learner.step(random_tensor({B + 1, I}, 1), loss), shape_mismatch, "x must be [2,...]");
  UNSPOOL_CHECK_ERROR(learner.step(input_at(5), [](const us::Var<double>& y) { return y; }), not_scalar, "");
  learner.step(input_at(1), loss);
  CHECK(gradients(params) == first);
  UNSPOOL_CHECK_ERROR(us::forward_learner<double>(cell, tape.zeros({0, H})), bad_argument,
                      "every part must be [B,...]");
}
