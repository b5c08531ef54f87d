// unroll, bidirectional and Recurrent over cells of the user's own: functions and classes, with states of any make.
#include "unspool/unroll.hpp"

#include <doctest/doctest.h>

#include <array>
#include <tuple>

#include "support/layers.hpp"
#include "support/uneven.hpp"
#include "tape/tape_core.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

constexpr std::int64_t T = 5, B = 4, I = 3, H = 2;
const Lengths mixed{2, 5, 0, 3};

/// The textbook recurrence, as a user would write it.
struct Textbook {
  us::ParameterSet<double> params{us::Seed{3}};
  us::Parameter<double>& W = params.add("W", {H, I}, us::xavier_uniform());
  us::Parameter<double>& U = params.add("U", {H, H}, us::orthogonal());
  us::Parameter<double>& b = params.add("b", {H}, us::normal());

  Var operator()(const Var& x, const Var& h) const { return tanh(linear(x, W, b) + linear(h, U)); }
};

struct Counter {
  Var h;
  std::array<Var, 2> sums;
  int label = 0;  // carried along
};

struct Named {
  Var h;
  std::vector<Var> more;
  template <class F>
  void for_each_var(F&& f) {
    f(h);
    for (Var& v : more) f(v);
  }
  template <class F>
  void for_each_var(F&& f) const {
    f(h);
    for (const Var& v : more) f(v);
  }
};

Var sum_of_inputs(const Var& x, const Var& h) { return h + x; }

std::vector<double> copied(const Var& x) { return {x.values().begin(), x.values().end()}; }

/// The same recurrence for one row, written out.
std::vector<double> by_hand(const Textbook& cell, us::Tape<double>& tape, const us::Tensor<double>& x,
                            const us::Tensor<double>& h0, std::int64_t row, std::int64_t length, bool reverse) {
  Var h = slice(tape.input(h0), 0, row, row + 1);
  for (std::int64_t k = 0; k < length; ++k) {
    const std::int64_t t = reverse ? length - 1 - k : k;
    h = cell(slice(select(tape.input(x), 0, t), 0, row, row + 1), h);
  }
  return copied(h);
}

}  // namespace

TEST_CASE("a lambda over ops runs over a ragged batch in both directions") {
  const Textbook cell;
  const us::Tensor<double> x = random_tensor({T, B, I}, 1), h0 = random_tensor({B, H}, 2);
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(x), mixed);
  const auto step = [&](us::Var<double> in, us::Var<double> h) { return cell(in, h); };
  for (const bool reverse : {false, true}) {
    const auto [ys, last] = us::unroll(step, xs, tape.input(h0), {.reverse = reverse});
    const us::Tensor<double> outputs = ys.padded(-7).tensor();
    CHECK(outputs.shape() == us::Shape{T, B, H});
    for (std::int64_t b = 0; b < B; ++b) {
      const std::int64_t length = mixed[static_cast<std::size_t>(b)];
      const std::vector<double> expected = by_hand(cell, tape, x, h0, b, length, reverse);
      CHECK(difference(last.values().subspan(static_cast<std::size_t>(b * H), H), expected) == "");
      for (std::int64_t t = length; t < T; ++t) CHECK(outputs[(t * B + b) * H] == -7);
      if (length == 0) continue;
      const std::int64_t end = reverse ? 0 : length - 1;
      CHECK(difference(outputs.values().subspan(static_cast<std::size_t>((end * B + b) * H), H), expected) == "");
    }
  }
}

TEST_CASE("a cell may be a function that returns an output of its own beside the state") {
  const Textbook cell;
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(random_tensor({T, B, I}, 1)), mixed);
  const Var h0 = tape.input(random_tensor({B, H}, 2));
  const auto doubled = [&](const Var& x, const Var& h) {
    const Var next = cell(x, h);
    return std::pair(us::concat({next, next * 2.0, x}, 1), next);
  };
  const auto [ys, last] = us::unroll(doubled, xs, h0);
  const auto [hs, same] = us::unroll(cell, xs, h0);
  CHECK(ys.packed().shape() == us::Shape{10, 2 * H + I});
  CHECK(difference(slice(ys.packed(), 1, 0, H).values(), hs.packed().values(), us::test::exact) == "");
  CHECK(difference(slice(ys.packed(), 1, 2 * H).values(), xs.packed().values(), us::test::exact) == "");
  CHECK(difference(last.values(), same.values(), us::test::exact) == "");
  // Without any step the cell still tells how wide its outputs are.
  const auto [none, kept] = us::unroll(doubled, us::Sequence(tape.zeros({T, B, I}), {0, 0, 0, 0}), h0);
  CHECK(none.padded().shape() == us::Shape{T, B, 2 * H + I});
  CHECK(difference(kept.values(), h0.values(), us::test::exact) == "");
}

TEST_CASE("a state may be a struct, a tuple, a pair, an array, or visit its own Vars") {
  const Textbook cell;
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(random_tensor({T, B, I}, 1)), mixed);
  const Var h0 = tape.input(random_tensor({B, H}, 2)), zeros = tape.zeros({B, H});
  const auto [ys, last] = us::unroll(cell, xs, h0);
  const std::vector<double> outputs = copied(ys.packed()), final_h = copied(last);
  std::vector<double> sums(B * H, 0.0);
  const us::Tensor<double> padded = ys.padded().tensor();
  for (std::int64_t i = 0; i < padded.size(); ++i) sums[static_cast<std::size_t>(i % (B * H))] += padded[i];

  const auto in_struct = us::unroll(
      [&](const Var& x, const Counter& s) {
        const Var h = cell(x, s.h);
        return Counter{h, {s.sums[0] + h, s.sums[1]}, s.label + 1};
      },
      xs, Counter{h0, {zeros, h0}, 40});
  CHECK(difference(in_struct.outputs.packed().values(), outputs, us::test::exact) == "");
  CHECK(difference(in_struct.state.h.values(), final_h, us::test::exact) == "");
  CHECK(difference(in_struct.state.sums[0].values(), sums) == "");
  CHECK(difference(in_struct.state.sums[1].values(), h0.values(), us::test::exact) == "");  // constant over time
  CHECK(in_struct.state.label == 45);

  const auto in_tuple = us::unroll(
      [&](const Var& x, const std::tuple<Var, std::pair<Var, double>>& s) {
        const Var h = cell(x, std::get<0>(s));
        return std::tuple(h, std::pair(std::get<1>(s).first + h, 0.5));
      },
      xs, std::tuple(h0, std::pair(zeros, 0.0)), {.reverse = true});
  CHECK(difference(std::get<1>(in_tuple.state).first.values(),
                   us::unroll(
                       [&](const Var& x, const Counter& s) {
                         return Counter{cell(x, s.h), {s.sums[0] + cell(x, s.h), s.sums[1]}};
                       },
                       xs, Counter{h0, {zeros, zeros}}, {.reverse = true})
                       .state.sums[0]
                       .values(),
                   us::test::exact) == "");

  const auto own = us::unroll(
      [&](const Var& x, const Named& s) {
        return Named{cell(x, s.h), {s.more[0], s.h}};
      },
      xs, Named{h0, {zeros, zeros}});
  CHECK(difference(own.state.h.values(), final_h, us::test::exact) == "");
  CHECK(own.state.more[1].shape() == us::Shape{B, H});
}

TEST_CASE("what belongs to a row comes in through the state, in whatever order the rows are run") {
  us::Tape<double> tape;
  const us::Sequence xs(tape.ones({T, B, 1}), mixed);
  const Var context = tape.input({B, 1}, std::vector<double>{1, 10, 100, 1000});
  const auto [ys, last] = us::unroll(
      [&](const Var& x, const us::LSTMState<double>& s) {
        return us::LSTMState{s.h + x * s.c, s.c};
      },
      xs, us::LSTMState{tape.zeros({B, 1}), context});
  CHECK(difference(last.h.values(), std::vector<double>{2, 50, 0, 3000}) == "");
  CHECK(difference(last.c.values(), context.values(), us::test::exact) == "");
}

TEST_CASE("a cell may be a plain function") {
  us::Tape<double> tape;
  const us::Sequence xs(tape.ones({T, B, I}), mixed);
  const us::Tensor<double> last = us::unroll(sum_of_inputs, xs, tape.zeros({B, I})).state.tensor();
  for (std::int64_t i = 0; i < B * I; ++i)
    CHECK(last[i] == static_cast<double>(mixed[static_cast<std::size_t>(i / I)]));
}

TEST_CASE("unrolling padded input gives padded outputs") {
  const Textbook cell;
  us::Tape<double> tape;
  const Var x = tape.input(random_tensor({T, B, I}, 1)), h0 = tape.zeros({B, H});
  const auto [ys, last] = us::unroll(cell, x, h0);
  CHECK(ys.shape() == us::Shape{T, B, H});
  CHECK(difference(ys.values().last(B * H), last.values(), us::test::exact) == "");
}

TEST_CASE("our cells unroll as the layers run them, with their input projected at once") {
  us::ParameterSet<double> params(us::Seed{4});
  const us::LSTM lstm(params, "rnn", {.input = I, .hidden = H, .bidirectional = true});
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(random_tensor({T, B, I}, 1)), mixed);
  const auto [ys, last] = lstm(xs);
  const us::LSTMState zero = lstm.cells()[0].zero_state(tape, B);
  const std::int64_t nodes = tape.stats().nodes;
  const auto [zs, states] = us::bidirectional(lstm.cells()[0], lstm.cells()[1], xs, zero, zero);
  CHECK(difference(ys.packed().values(), zs.packed().values(), us::test::exact) == "");
  CHECK(difference(select(last.h, 0, 0).values(), states.first.h.values(), us::test::exact) == "");
  CHECK(difference(select(last.c, 0, 1).values(), states.second.c.values(), us::test::exact) == "");
  int projections = 0;
  for (auto i = static_cast<std::uint32_t>(nodes); i < tape.core()->node_count(); ++i)
    projections += std::string_view(tape.core()->node(i).rule->info.name) == "linear";
  CHECK(projections == 2);
}

TEST_CASE("a class of the user's own is stacked, bidirectional, like our cells") {
  struct Mine {
    us::RNNCell<double> inner;
    Var operator()(const Var& x, const Var& h) const { return inner(x, h); }
    Var zero_state(const Var& x, std::int64_t batch) const { return us::new_zeros(x, {batch, H}); }
    std::int64_t hidden() const { return H; }
  };
  const us::StackOptions options{.layers = 2, .bidirectional = true, .residual = true};
  us::ParameterSet<double> params(us::Seed{4}), ours(us::Seed{4});
  const us::Recurrent<double, Mine> mine("rnn", options, I, [&](std::int64_t input, const std::string& suffix) {
    return Mine{us::RNNCell<double>(params, "rnn", {.input = input, .hidden = H}, suffix)};
  });
  const us::RNN rnn(ours, "rnn", {.input = I, .hidden = H, .layers = 2, .bidirectional = true, .residual = true});
  REQUIRE(params.size() == ours.size());
  for (std::size_t i = 0; i < params.size(); ++i) CHECK(params.at(i).name() == ours.at(i).name());
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(random_tensor({T, B, I}, 1)), mixed);
  const auto [ys, last] = mine(xs);
  const auto [zs, same] = rnn(xs);
  CHECK(difference(ys.packed().values(), zs.packed().values()) == "");
  CHECK(difference(last.values(), same.values()) == "");
  tape.backward(sum(square(ys.packed())) + sum(square(zs.packed())));
  for (std::size_t i = 0; i < params.size(); ++i) CHECK(difference(params.at(i).grad(), ours.at(i).grad()) == "");
}

TEST_CASE("gradients through a small ragged bidirectional stack are what differences say") {
  us::ParameterSet<double> params(us::Seed{4});
  const us::GRU gru(params, "gru", {.input = I, .hidden = H, .layers = 2, .bidirectional = true});
  us::test::check_gradients({random_tensor({T, B, I}, 1), random_tensor({4, B, H}, 2)},
                            [&](us::Tape<double>&, const std::vector<Var>& in) {
                              const auto [ys, last] = gru(us::Sequence(in[0], mixed), in[1]);
                              return us::concat({reshape(ys.padded(), {-1}), reshape(last, {-1})});
                            });
}

TEST_CASE("nodes of a step carry its number in both directions") {
  const Textbook cell;
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(random_tensor({T, B, I}, 1)), mixed);
  for (const bool reverse : {false, true}) {
    std::vector<std::int64_t> rows(T, 0);
    const auto from = tape.core()->node_count();
    (void)us::unroll(cell, xs, tape.zeros({B, H}), {.reverse = reverse});
    for (std::uint32_t i = from; i < tape.core()->node_count(); ++i) {
      const us::detail::Node& node = tape.core()->node(i);
      if (std::string_view(node.rule->info.name) == "tanh")
        rows[static_cast<std::size_t>(tape.core()->labels().context(node.context).step)] = node.extents[0];
    }
    CHECK(rows == Lengths{3, 3, 2, 1, 1});
  }
}

TEST_CASE("states and outputs without a row for each of the batch are typed errors") {
  const Textbook cell;
  us::Tape<double> tape;
  const us::Sequence xs(tape.zeros({T, B, I}), mixed);
  UNSPOOL_CHECK_ERROR(us::unroll(cell, xs, tape.zeros({B + 1, H})), shape_mismatch,
                      "unroll: the initial state must be [4,...]; given [5,2]");
  UNSPOOL_CHECK_ERROR(us::unroll(cell, xs, tape.scalar(1)), shape_mismatch, "given []");
  UNSPOOL_CHECK_ERROR(us::unroll(cell, xs, Var()), stale_handle, "never recorded");
  UNSPOOL_CHECK_ERROR(us::unroll(cell, us::Sequence<double>(), tape.zeros({B, H})), stale_handle,
                      "unroll: the input was never recorded");
  const auto sums = [](const Var& x, const Var& h) { return std::pair(sum(x), h); };
  UNSPOOL_CHECK_ERROR(us::unroll(sums, xs, tape.zeros({B, H})), shape_mismatch,
                      "the cell's output must be [3,...]; given []");
  const auto grows = [](const Var&, const Var& h) { return us::concat({h, h}, 0); };
  UNSPOOL_CHECK_ERROR(us::unroll(grows, xs, tape.zeros({B, H})), shape_mismatch, "must be [3,...]; given [6,2]");
  us::ParameterSet<double> params;
  const us::LSTMCell lstm(params, "lstm", {.input = I, .hidden = H});
  const Var h = tape.zeros({B, H});
  const std::int64_t nodes = tape.stats().nodes;
  UNSPOOL_CHECK_ERROR(us::unroll(lstm, xs, us::LSTMState{h, tape.zeros({B, H + 1})}), shape_mismatch,
                      "unroll: the initial state must be [4,2]; given [4,3]");
  UNSPOOL_CHECK_ERROR(us::unroll(lstm, xs, us::LSTMState{Var(), h}), stale_handle, "never recorded");
  CHECK(tape.stats().nodes == nodes + 1);
  const auto more = [](const Var& x, const std::vector<Var>& s) {
    std::vector<Var> next(s.size() + 1000, s[0]);
    return std::pair(x, next);
  };
  UNSPOOL_CHECK_ERROR(us::unroll(more, xs, std::vector<Var>{tape.zeros({B, H})}), shape_mismatch,
                      "as many Vars as the initial state, 1; one has 1001");
  const auto resets = [&](const Var& x, const Var& h) {
    tape.reset();
    return h + x;
  };
  UNSPOOL_CHECK_ERROR(us::unroll(resets, xs, tape.zeros({B, H})), stale_handle, "earlier recording");
}
