// Skip connections through time: dilated cells and cells that see h of d steps ago beside the last one.
#include "unspool/skip.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/layers.hpp"
#include "unspool/stream.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

constexpr std::int64_t T = 7, B = 4, I = 3, H = 4;
const Lengths mixed{4, 7, 0, 2};

using DilatedLSTM = us::DilatedCell<double, us::LSTMCell<double>>;
using SkipGRU = us::SkipCell<double, us::GRUCell<double>>;

us::LSTMCell<double> lstm(us::ParameterSet<double>& params, std::int64_t input = I, const std::string& suffix = "") {
  return {params, "rnn", {.input = input, .hidden = H}, suffix};
}
us::GRUCell<double> gru(us::ParameterSet<double>& params, std::int64_t input = I, const std::string& suffix = "") {
  return {params, "rnn", {.input = input, .hidden = H}, suffix};
}

/// Rows of a ragged run are those of the row alone, and gradients are those of numeric differences.
template <class Stack>
void check_stack(const Stack& stack, us::ParameterSet<double>& params) {
  const us::Tensor<double> x = random_tensor({T, B, I}, 1);
  us::Tape<double> tape;
  const Var all = tape.input(x);
  const us::Tensor<double> ys = stack(us::Sequence<double>(all, mixed)).outputs.padded().tensor();
  for (std::int64_t b = 0; b < B; ++b) {
    const Var row = slice(slice(all, 1, b, b + 1), 0, 0, mixed[static_cast<std::size_t>(b)]);
    const Var alone = stack(row).outputs, same = slice(slice(tape.input(ys), 1, b, b + 1), 0, 0, row.shape()[0]);
    CHECK(difference(same.values(), alone.values(), us::test::exact) == "");
  }
  us::check_gradients(
      [&](us::Tape<double>& on, std::span<const Var> given) {
        const auto [outputs, state] = stack(us::Sequence<double>(given[0], mixed));
        Var loss = sum(outputs.packed() * on.input(random_tensor(outputs.packed().shape(), 2)));
        us::for_each_var(state, [&](const Var& part) { loss += sum(square(part)); });
        return loss;
      },
      params, std::span(&x, 1), {.entries = 12});
}

}  // namespace

TEST_CASE("a dilated cell runs d recurrences side by side") {
  us::ParameterSet<double> params(us::Seed{3});
  const DilatedLSTM cell(lstm(params), 3);
  us::Tape<double> tape;
  const Var x = tape.input(random_tensor({T, B, I}, 1));
  const auto [ys, last] = us::unroll(cell, x, cell.zero_state(tape, B));
  CHECK(last.size() == 3);
  for (std::int64_t phase = 0; phase < 3; ++phase) {
    us::LSTMState<double> s = cell.cell().zero_state(tape, B);
    for (std::int64_t t = phase; t < T; t += 3) {
      s = cell.cell()(select(x, 0, t), s);
      CHECK(difference(select(ys, 0, t).values(), s.h.values()) == "");
    }
  }
  CHECK(difference(last[2].h.values(), select(ys, 0, T - 1).values(), us::test::exact) == "");
  CHECK(difference(last[0].h.values(), select(ys, 0, T - 3).values(), us::test::exact) == "");
  // d = 1 is the cell itself.
  const DilatedLSTM one(cell.cell(), 1);
  CHECK(difference(us::unroll(one, x, one.zero_state(tape, B)).outputs.values(),
                   us::unroll(cell.cell(), x, cell.cell().zero_state(tape, B)).outputs.values()) == "");
}

TEST_CASE("a skip cell sees h of d steps ago beside the last one") {
  for (const std::int64_t d : {2, 4}) {
    us::ParameterSet<double> params(us::Seed{3});
    const us::SkipCell<double, us::RNNCell<double>> cell(
        params, us::RNNCell<double>(params, "rnn", {.input = I, .hidden = H}), d);
    CHECK(params["rnn.weight_sh"].shape() == us::Shape{H, H});
    us::Tape<double> tape;
    const Var x = tape.input(random_tensor({T, B, I}, 1));
    const Var ys = us::unroll(cell, x, cell.zero_state(tape, B)).outputs;
    std::vector<Var> h(static_cast<std::size_t>(d), tape.zeros({B, H}));
    for (std::int64_t t = 0; t < T; ++t) {
      const Var sums = linear(select(x, 0, t), params["rnn.weight_ih"], params["rnn.bias_ih"]) +
                       linear(h.back(), params["rnn.weight_hh"], params["rnn.bias_hh"]) +
                       linear(h[static_cast<std::size_t>(t)], params["rnn.weight_sh"]);
      h.push_back(tanh(sums));
      CHECK(difference(select(ys, 0, t).values(), h.back().values()) == "");
    }
  }
}

TEST_CASE("cells with skips stack, run both ways and over ragged batches") {
  {
    us::ParameterSet<double> params(us::Seed{3});
    const us::Recurrent<double, DilatedLSTM> stack(
        "rnn", {.layers = 2, .bidirectional = true}, I,
        [&](std::int64_t input, const std::string& suffix) { return DilatedLSTM(lstm(params, input, suffix), 2); });
    check_stack(stack, params);
  }
  {
    us::ParameterSet<double> params(us::Seed{3});
    const us::Recurrent<double, SkipGRU> stack("rnn", {.layers = 2, .bidirectional = true}, I,
                                               [&](std::int64_t input, const std::string& suffix) {
                                                 return SkipGRU(params, gru(params, input, suffix), 3, suffix);
                                               });
    CHECK(params.find("rnn.weight_sh_l1_reverse") != nullptr);
    check_stack(stack, params);
  }
}

TEST_CASE("a stream steps through cells with skips with the bits of unroll") {
  us::ParameterSet<double> params(us::Seed{3}), more(us::Seed{3});
  const us::Tensor<double> x = random_tensor({T, 1, I}, 1);
  const auto check = [&](const auto& cell) {
    us::Tape<double> tape;
    const Var whole = us::unroll(cell, tape.input(x), cell.zero_state(tape, 1)).outputs;
    us::Stream<double> stream([&](us::StreamStep<double>& s) {
      s.output(s.run(cell, s.input({1, I}), cell.zero_state(s.tape(), 1)));
    });
    for (std::int64_t t = 0; t < T; ++t) {
      std::copy(x.values().begin() + t * I, x.values().begin() + (t + 1) * I, stream.input().begin());
      stream.step();
      CHECK(difference(stream.output(), select(whole, 0, t).values(), us::test::exact) == "");
    }
  };
  check(DilatedLSTM(lstm(params), 3));
  check(SkipGRU(more, gru(more), 3));
}

TEST_CASE("a cell of the user's own may be dilated") {
  struct Sum {
    Var operator()(const Var& x, const Var& h) const { return h + x; }
    Var zero_state(us::Tape<double>& tape, std::int64_t batch) const { return tape.zeros({batch, 1}); }
    Var zero_state(const Var& x, std::int64_t batch) const { return us::new_zeros(x, {batch, 1}); }
    std::int64_t hidden() const { return 1; }
  };
  const us::DilatedCell<double, Sum> cell(Sum(), 2);
  us::Tape<double> tape;
  const Var x = tape.input({5, 1, 1}, std::vector<double>{1, 10, 100, 1000, 10000});
  const Var ys = us::unroll(cell, x, cell.zero_state(tape, 1)).outputs;
  CHECK(difference(ys.values(), std::vector<double>{1, 10, 101, 1010, 10101}) == "");
}

TEST_CASE("skips out of range, and zoneout of a history, are rejected") {
  us::ParameterSet<double> params;
  const us::LSTMCell<double> cell = lstm(params);
  UNSPOOL_CHECK_ERROR(DilatedLSTM(cell, 0), bad_argument, "DilatedCell: a skip must go back 1 steps or more; given 0");
  UNSPOOL_CHECK_ERROR((us::SkipCell<double, us::LSTMCell<double>>(params, cell, 1)), bad_argument,
                      "SkipCell: a skip must go back 2 steps or more; given 1");
  us::Tape<double> tape;
  const Var x = tape.ones({T, B, I}), h = tape.zeros({B, H});
  UNSPOOL_CHECK_ERROR(us::unroll(DilatedLSTM(cell, 2), x, DilatedLSTM::State{}), shape_mismatch,
                      "DilatedCell: the state must keep 2 earlier states; given 0");
  us::ParameterSet<double> more;
  const SkipGRU skip(more, gru(more), 3);
  UNSPOOL_CHECK_ERROR(us::unroll(skip, x, SkipGRU::State{h, {h}}), shape_mismatch,
                      "SkipCell: the state must keep 2 earlier states; given 1");
  UNSPOOL_CHECK_ERROR(
      (us::Recurrent<double, DilatedLSTM>("rnn", {.zoneout = 0.1}, I,
                                          [&](std::int64_t, const std::string&) { return DilatedLSTM(cell, 2); })),
      bad_argument, "zoneout must be 0 for cells that keep a history of states; given 0.1 and 0");
}
