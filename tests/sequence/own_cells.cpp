// Cells of a user's own, classes and functions over ops, in everything that runs ours: unroll in both directions,
// bidirectional, stacks with all their options, ragged batches, streams.
#include <doctest/doctest.h>

#include <array>

#include "sequence/rows_alone.hpp"
#include "support/layers.hpp"
#include "unspool/feedback.hpp"
#include "unspool/skip.hpp"
#include "unspool/stream.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;
using Parameters = us::ParameterSet<double>;

namespace {

constexpr std::int64_t T = 6, B = 5, I = 3, H = 4;
const std::vector<std::int64_t> mixed{2, 6, 0, 3, 6};

/// A user's own type of state.
struct Memory {
  Var h, c;
};

/// An LSTM with peepholes, as a user would write it from the paper.
class Peephole {
 public:
  Peephole(Parameters& params, std::int64_t input, const std::string& suffix)
      : W_(&params.add("rnn.weight_ih" + suffix, {4 * H, input}, us::normal(0, 0.4))),
        U_(&params.add("rnn.weight_hh" + suffix, {4 * H, H}, us::normal(0, 0.4))),
        b_(&params.add("rnn.bias_ih" + suffix, {4 * H}, us::normal())),
        d_(&params.add("rnn.bias_hh" + suffix, {4 * H}, us::normal())),
        p_(&params.add("rnn.weight_peephole" + suffix, {3 * H}, us::normal())) {}

  Memory operator()(const Var& x, const Memory& m) const {
    const Var sums = linear(x, *W_, *b_) + linear(m.h, *U_, *d_), p = us::parameter_on(x, *p_);
    const auto sum_of = [&](std::int64_t k) { return slice(sums, 1, k * H, (k + 1) * H); };
    const auto seen = [&](const Var& c, std::int64_t k) { return c * slice(p, 0, k * H, (k + 1) * H); };
    const Var i = sigmoid(sum_of(0) + seen(m.c, 0)), f = sigmoid(sum_of(1) + seen(m.c, 2));
    const Var c = f * m.c + i * tanh(sum_of(2));
    return {sigmoid(sum_of(3) + seen(c, 1)) * tanh(c), c};
  }
  Memory zero_state(const Var& x, std::int64_t batch) const {
    return {us::new_zeros(x, {batch, H}), us::new_zeros(x, {batch, H})};
  }
  std::int64_t hidden() const { return H; }

 private:
  us::Parameter<double>*W_, *U_, *b_, *d_, *p_;
};

/// A GRU that resets before the product, with its input projected for all steps at once.
class ResetBefore {
 public:
  ResetBefore(Parameters& params, std::int64_t input, const std::string& suffix)
      : W_(&params.add("rnn.weight_ih" + suffix, {3 * H, input}, us::normal(0, 0.4))),
        U_(&params.add("rnn.weight_hh" + suffix, {3 * H, H}, us::normal(0, 0.4))),
        b_(&params.add("rnn.bias_ih" + suffix, {3 * H}, us::normal())),
        d_(&params.add("rnn.bias_hh" + suffix, {3 * H}, us::normal())) {}

  Var project(const Var& x) const { return linear(x, *W_, *b_); }
  Var step(const Var& sums, const Var& h) const {
    const Var U = us::parameter_on(h, *U_), d = us::parameter_on(h, *d_);
    const auto recurrent = [&](const Var& in, std::int64_t from, std::int64_t to) {
      return slice(sums, 1, from, to) + linear(in, slice(U, 0, from, to), slice(d, 0, from, to));
    };
    const Var gates = sigmoid(recurrent(h, 0, 2 * H)), r = slice(gates, 1, 0, H), z = slice(gates, 1, H, 2 * H);
    return (1.0 - z) * tanh(recurrent(r * h, 2 * H, 3 * H)) + z * h;
  }
  Var operator()(const Var& x, const Var& h) const { return step(project(x), h); }
  Var zero_state(const Var& x, std::int64_t batch) const { return us::new_zeros(x, {batch, H}); }
  std::int64_t hidden() const { return H; }

 private:
  us::Parameter<double>*W_, *U_, *b_, *d_;
};

/// Remembers its last two states, and gives something else than its state as output.
class Echo {
 public:
  using Past = std::array<Var, 2>;
  Echo(Parameters& params, std::int64_t input, const std::string& suffix)
      : W_(&params.add("echo.W" + suffix, {H, input}, us::normal(0, 0.5))),
        U_(&params.add("echo.U" + suffix, {H, H}, us::normal(0, 0.5))) {}

  std::pair<Var, Past> operator()(const Var& x, const Past& past) const {
    const Var h = tanh(linear(x, *W_) + linear(past[1], *U_)) + past[0] * 0.2;
    return {us::concat({h, h * past[1]}, 1), Past{past[1], h}};
  }
  Past zero_state(const Var& x, std::int64_t batch) const {
    return {us::new_zeros(x, {batch, H}), us::new_zeros(x, {batch, H})};
  }
  std::int64_t output() const { return 2 * H; }

 private:
  us::Parameter<double>*W_, *U_;
};

template <class Cell>
us::Recurrent<double, Cell> stack_of(Parameters& params, const us::StackOptions& options) {
  return {"rnn", options, I,
          [&](std::int64_t input, const std::string& suffix) { return Cell(params, input, suffix); }};
}

void copy_values(const Parameters& from, Parameters& to) {
  REQUIRE(from.size() == to.size());
  for (us::Parameter<double>& p : to) std::ranges::copy(from[p.name()].values(), p.mutable_values().begin());
}

/// Outputs, final states and gradients of two layers that are to be the same.
template <class Own, class Ours>
void check_same(const Own& own, Parameters& own_params, const Ours& ours, Parameters& params) {
  copy_values(own_params, params);
  own_params.zero_grad(), params.zero_grad();
  us::Tape<double> tape;
  const us::Sequence<double> xs(tape.input(random_tensor({T, B, I}, 1)), mixed);
  const auto [ys, last] = own(xs);
  const auto [zs, end] = ours(xs);
  CHECK(difference(ys.packed().values(), zs.packed().values()) == "");
  Var loss = sum(square(ys.packed())) + sum(square(zs.packed()));
  std::vector<Var> states;
  us::for_each_var(last, [&](const Var& v) { states.push_back(v), loss += sum(v); });
  std::size_t part = 0;
  us::for_each_var(end, [&](const Var& v) {
    CHECK(difference(states.at(part++).values(), v.values()) == "");
    loss += sum(v);
  });
  tape.backward(loss);
  for (const us::Parameter<double>& p : params) CHECK(difference(own_params[p.name()].grad(), p.grad()) == "");
}

/// Unrolled by itself, forward or in reverse: states are [1,B,...] to the check.
template <class Cell>
void check_unrolled_rows(const Cell& cell, Parameters& params, bool reverse) {
  const auto run = [&](const us::Sequence<double>& xs, const auto& fill) {
    auto state = cell.zero_state(xs.packed(), xs.batch());
    fill(state);
    us::for_each_var(state, [](Var& v) { v = select(v, 0, 0); });
    auto out = us::unroll(cell, xs, state, {.reverse = reverse});
    us::for_each_var(out.state, [](Var& v) { v = reshape(v, {1, v.shape()[0], v.shape()[1]}); });
    return out;
  };
  us::Tape<double> tape;
  const auto zero = cell.zero_state(tape.zeros({0, I}), 0);
  std::vector<std::int64_t> widths;
  us::for_each_var(zero, [&](const Var& v) { widths.push_back(v.shape()[1]); });
  us::test::RowCheck<decltype(run)>{params, I, us::detail::output_width(cell), 1, widths, run}.check_all(3);
}

}  // namespace

TEST_CASE("a user's peephole LSTM in a stack is ours, value by value and gradient by gradient, whatever the options") {
  us::StackOptions plain{.layers = 2, .bidirectional = true}, residual = plain, deaf = plain, frozen = plain,
                                                              mean = plain;
  residual.residual = true;
  deaf.recurrent_dropout = 1;
  frozen.zoneout = 1, frozen.zoneout_cell = 0;
  mean.zoneout = 0.3, mean.zoneout_cell = 0.6, mean.dropout = 0.5;  // not while training: no draws
  for (const us::StackOptions& options : {plain, residual, deaf, frozen, mean}) {
    Parameters own_params(us::Seed{4}), params;
    auto own = stack_of<Peephole>(own_params, options);
    us::LSTM lstm(params, "rnn",
                  {.input = I,
                   .hidden = H,
                   .peephole = true,
                   .layers = options.layers,
                   .bidirectional = options.bidirectional,
                   .residual = options.residual,
                   .dropout = options.dropout,
                   .recurrent_dropout = options.recurrent_dropout,
                   .zoneout = options.zoneout,
                   .zoneout_cell = options.zoneout_cell});
    own.set_training(options.dropout == 0), lstm.set_training(options.dropout == 0);
    check_same(own, own_params, lstm, params);
  }
}

TEST_CASE("a user's GRU with project() and step() in a stack is ours, value by value and gradient by gradient") {
  Parameters own_params(us::Seed{4}), params;
  const auto own = stack_of<ResetBefore>(own_params, {.layers = 2, .bidirectional = true, .residual = true});
  const us::GRU gru(
      params, "rnn",
      {.input = I, .hidden = H, .reset = us::Reset::before, .layers = 2, .bidirectional = true, .residual = true});
  check_same(own, own_params, gru, params);
}

TEST_CASE("a row of a ragged batch through stacks of a user's cells equals the row alone") {
  for (const bool bidirectional : {false, true}) {
    const us::StackOptions options{.layers = 2, .bidirectional = bidirectional};
    Parameters a(us::Seed{5}), b(us::Seed{5}), c(us::Seed{5});
    us::test::check_stack_rows(stack_of<Peephole>(a, options), a, 3);
    us::test::check_stack_rows(stack_of<ResetBefore>(b, options), b, 3);
    us::test::check_stack_rows(stack_of<Echo>(c, options), c, 3);
  }
}

TEST_CASE("a row of a ragged batch through a user's cell that is unrolled equals the row alone, in both directions") {
  for (const bool reverse : {false, true}) {
    Parameters a(us::Seed{5}), b(us::Seed{5}), c(us::Seed{5});
    check_unrolled_rows(Peephole(a, I, ""), a, reverse);
    check_unrolled_rows(ResetBefore(b, I, ""), b, reverse);
    check_unrolled_rows(Echo(c, I, ""), c, reverse);
  }
}

TEST_CASE("a row of a ragged batch through a variant of our cells that is unrolled equals the row alone, both ways") {
  for (const bool reverse : {false, true}) {
    const auto check = [&](auto make) {
      Parameters params(us::Seed{5});
      check_unrolled_rows(make(params), params, reverse);
    };
    check([](Parameters& p) { return us::LSTMCell(p, "cell", {.input = I, .hidden = H}); });
    check([](Parameters& p) {
      return us::LSTMCell(p, "cell", {.input = I, .hidden = H, .projection = 2, .peephole = true});
    });
    check([](Parameters& p) { return us::LSTMCell(p, "cell", {.input = I, .hidden = H, .layer_norm = true}); });
    check([](Parameters& p) { return us::GRUCell(p, "cell", {.input = I, .hidden = H, .reset = us::Reset::before}); });
    check([](Parameters& p) {
      return us::RNNCell(p, "cell", {.input = I, .hidden = H, .leak = 0.3, .learn_leak = true});
    });
    check([](Parameters& p) {
      return us::DilatedCell<double, us::GRUCell<double>>(us::GRUCell(p, "cell", {.input = I, .hidden = H}), 2);
    });
    check([](Parameters& p) {
      return us::SkipCell<double, us::LSTMCell<double>>(p, us::LSTMCell(p, "cell", {.input = I, .hidden = H}), 3);
    });
    check([](Parameters& p) { return us::JordanCell(p, "cell", {.input = I, .hidden = H, .output = 2}); });
  }
}

TEST_CASE("bidirectional() takes two different cells of the user's") {
  Parameters params(us::Seed{5});
  const Peephole ahead(params, I, "_a");
  const Echo back(params, I, "_b");
  us::Tape<double> tape;
  const us::Sequence<double> xs(tape.input(random_tensor({T, B, I}, 1)), mixed);
  const Memory first = ahead.zero_state(xs.packed(), B);
  const Echo::Past last = back.zero_state(xs.packed(), B);
  const auto [both, states] = us::bidirectional(ahead, back, xs, first, last);
  const auto [ys, end] = us::unroll(ahead, xs, first);
  const auto [zs, begin] = us::unroll(back, xs, last, {.reverse = true});
  CHECK(difference(both.packed().values(), concat(ys, zs).packed().values(), us::test::exact) == "");
  CHECK(difference(states.first.c.values(), end.c.values(), us::test::exact) == "");
  CHECK(difference(states.second[1].values(), begin[1].values(), us::test::exact) == "");
}

TEST_CASE("a stream steps through a stack of a user's cells with the bits of the layer") {
  Parameters params(us::Seed{5});
  const auto check = [&](const auto& layer) {
    const us::Tensor<double> x = random_tensor({T, B, I}, 1);
    us::Tape<double> tape;
    const Var whole = layer(tape.input(x)).outputs;
    us::Stream<double> stream([&](us::StreamStep<double>& s) { s.output(s.run(layer, s.input({B, I}))); });
    for (std::int64_t t = 0; t < T; ++t) {
      std::copy_n(x.data() + t * B * I, B * I, stream.input().begin());
      stream.step();
      CHECK(difference(stream.output(), select(whole, 0, t).values(), us::test::exact) == "");
    }
  };
  check(stack_of<Peephole>(params, {.layers = 2, .residual = true}));
  check(stack_of<Echo>(params, {.layers = 2}));
}
