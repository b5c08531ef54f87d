// Variational dropout, recurrent dropout, zoneout and residual connections: what each does to the numbers.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "support/layers.hpp"
#include "support/uneven.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

constexpr std::int64_t T = 6, B = 3, H = 16;
const std::vector<std::int64_t> mixed{4, 6, 2};

/// Rectified layers without recurrence that hand their input on: h_t = x_t where x_t > 0.
us::RNNOptions passing(us::RNNOptions options) {
  options.input = H;
  options.hidden = H;
  options.nonlinearity = us::Nonlinearity::relu;
  options.init = {.weight_ih = us::identity(), .weight_hh = us::zeros(), .bias = us::zeros()};
  return options;
}

/// Rows [H] of each step that exists, in the order of the batch.
std::vector<Values> steps_of_row(const us::Tensor<double>& padded, std::int64_t row) {
  std::vector<Values> steps;
  for (std::int64_t t = 0; t < mixed[static_cast<std::size_t>(row)]; ++t) {
    const auto at = padded.values().subspan(static_cast<std::size_t>((t * B + row) * H), H);
    steps.emplace_back(at.begin(), at.end());
  }
  return steps;
}

template <class Layer>
us::Tensor<double> outputs(const Layer& layer, const us::Tensor<double>& x, std::uint64_t seed = 1) {
  us::Tape<double> tape({.seed = seed});
  return layer(us::Sequence(tape.input(x), mixed)).outputs.padded().tensor();
}

us::Tensor<double> ones() {
  us::Tensor<double> x({T, B, H});
  std::ranges::fill(x.values(), 1.0);
  return x;
}

}  // namespace

TEST_CASE("variational dropout has one mask for all steps of a row, another for each row and each run") {
  us::ParameterSet<double> params;
  us::RNN<double> locked(params, "locked", passing({.layers = 2, .dropout = 0.5, .variational = true}));
  const us::RNN<double> fresh(params, "fresh", passing({.layers = 2, .dropout = 0.5}));
  const us::Tensor<double> y = outputs(locked, ones()), z = outputs(fresh, ones());
  std::set<Values> masks;
  for (std::int64_t b = 0; b < B; ++b) {
    const std::vector<Values> steps = steps_of_row(y, b), others = steps_of_row(z, b);
    for (const Values& step : steps) CHECK(step == steps[0]);
    CHECK(std::ranges::all_of(steps[0], [](double v) { return v == 0 || v == 2; }));
    CHECK(others[0] != others[1]);
    masks.insert(steps[0]);
  }
  CHECK(masks.size() == B);
  CHECK(outputs(locked, ones(), 2) != y);
  CHECK(outputs(locked, ones(), 1) == y);
  locked.set_training(false);
  for (std::int64_t b = 0; b < B; ++b)
    for (const Values& step : steps_of_row(outputs(locked, ones()), b)) CHECK(step == Values(H, 1.0));
}

TEST_CASE("recurrent dropout has one mask for all steps") {
  us::ParameterSet<double> params;
  us::RNNOptions options = passing({.recurrent_dropout = 0.5});
  options.init = {.weight_ih = us::zeros(), .weight_hh = us::identity(), .bias = us::zeros()};
  us::RNN<double> rnn(params, "rnn", options);
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(ones()), mixed);
  const auto [ys, last] = rnn(xs, tape.ones({1, B, H}));
  const us::Tensor<double> y = ys.padded().tensor();
  for (std::int64_t b = 0; b < B; ++b) {
    const std::vector<Values> steps = steps_of_row(y, b);
    CHECK(std::ranges::count(steps[0], 0.0) > 0);
    CHECK(std::ranges::count(steps[0], 2.0) > 0);
    for (std::size_t t = 1; t < steps.size(); ++t)
      for (std::size_t k = 0; k < H; ++k) CHECK(steps[t][k] == 2 * steps[t - 1][k]);
  }
  rnn.set_training(false);
  CHECK(difference(rnn(xs, tape.ones({1, B, H})).state.values(), Values(B * H, 1.0)) == "");
}

TEST_CASE("recurrent dropout of everything leaves an LSTM and a GRU without a recurrent product, and nothing else") {
  const us::Tensor<double> x = random_tensor({T, B, 3}, 1);
  const auto compare = [&](auto make) {
    us::ParameterSet<double> params(us::Seed{1}), same(us::Seed{1});
    const auto dropped = make(params, 1.0), plain = make(same, 0.0);
    std::ranges::fill(same["l.weight_hh_l0"].mutable_values(), 0.0);
    CHECK(difference(outputs(dropped, x).values(), outputs(plain, x).values()) == "");
  };
  compare([](auto& params, double p) {
    return us::LSTM<double>(params, "l", {.input = 3, .hidden = 4, .recurrent_dropout = p});
  });
  compare([](auto& params, double p) {
    return us::GRU<double>(params, "l", {.input = 3, .hidden = 4, .recurrent_dropout = p});
  });
}

TEST_CASE("zoneout keeps elements of the state while training, and takes the mean otherwise") {
  us::ParameterSet<double> params(us::Seed{1});
  const us::LSTMOptions base{.input = 3, .hidden = H};
  const auto with = [&](double p, double p_cell, const char* name) {
    us::LSTMOptions options = base;
    options.zoneout = p;
    options.zoneout_cell = p_cell;
    us::LSTM<double> lstm(params, name, options);
    for (const char* part : {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"})
      std::ranges::copy(params[std::string("plain.") + part].values(),
                        params[std::string(name) + "." + part].mutable_values().begin());
    return lstm;
  };
  const us::LSTM<double> plain(params, "plain", base);
  us::LSTM<double> some = with(0.5, 0.25, "some"), all = with(1, 1, "all");
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(random_tensor({1, B, 3}, 1)), {1, 1, 0});
  const us::LSTMState first{tape.input(random_tensor({1, B, H}, 2)), tape.input(random_tensor({1, B, H}, 3))};
  const us::LSTMState next = plain(xs, first).state;

  const us::LSTMState kept = all(xs, first).state;
  CHECK(difference(kept.h.values(), first.h.values(), us::test::exact) == "");
  CHECK(difference(kept.c.values(), first.c.values(), us::test::exact) == "");

  const auto share_kept = [&](const Var& zoned, const Var& before, const Var& after) {
    int count = 0;
    for (std::size_t i = 0; i < 2 * H; ++i) {
      const double v = zoned.values()[i];
      CHECK((v == before.values()[i] || v == after.values()[i]));
      count += v == before.values()[i];
    }
    return count;
  };
  const us::LSTMState zoned = some(xs, first).state;
  const int h_kept = share_kept(zoned.h, first.h, next.h), c_kept = share_kept(zoned.c, first.c, next.c);
  CHECK(h_kept > 8);
  CHECK(h_kept < 24);
  CHECK(c_kept > 1);
  CHECK(c_kept < 17);

  some.set_training(false);
  const us::LSTMState mean = some(xs, first).state;
  CHECK(difference(mean.h.values().first(2 * H), (first.h * 0.5 + next.h * 0.5).values().first(2 * H)) == "");
  CHECK(difference(mean.c.values().first(2 * H), (first.c * 0.25 + next.c * 0.75).values().first(2 * H)) == "");
  CHECK(difference(mean.h.values().last(H), first.h.values().last(H), us::test::exact) == "");
}

TEST_CASE("residual layers add their input, from the second layer on") {
  us::ParameterSet<double> params;
  const us::RNN<double> rnn(params, "rnn", passing({.layers = 3, .residual = true}));
  for (std::int64_t b = 0; b < B; ++b)
    for (const Values& step : steps_of_row(outputs(rnn, ones()), b)) CHECK(step == Values(H, 4.0));
}

TEST_CASE("gradients with all of it at once are what differences say") {
  us::ParameterSet<double> params(us::Seed{4});
  const us::LSTM lstm(params, "lstm",
                      {.input = 2,
                       .hidden = 3,
                       .layers = 2,
                       .bidirectional = true,
                       .residual = true,
                       .dropout = 0.3,
                       .variational = true,
                       .recurrent_dropout = 0.3,
                       .zoneout = 0.3,
                       .zoneout_cell = 0.2});
  us::test::check_gradients(
      {random_tensor({T, B, 2}, 1), random_tensor({4, B, 3}, 2), random_tensor({4, B, 3}, 3)},
      [&](us::Tape<double>&, const std::vector<Var>& in) {
        const auto [ys, last] = lstm(us::Sequence(in[0], mixed), {in[1], in[2]});
        return us::concat({reshape(ys.padded(), {-1}), reshape(last.h, {-1}), reshape(last.c, {-1})});
      });
}

TEST_CASE("probabilities out of range are typed errors that name the option") {
  us::ParameterSet<double> params;
  UNSPOOL_CHECK_ERROR((us::GRU(params, "g", {.input = 1, .hidden = 1, .recurrent_dropout = -0.1})), bad_argument,
                      "GRU: recurrent_dropout must be in 0..1; given -0.1");
  UNSPOOL_CHECK_ERROR((us::LSTM(params, "l", {.input = 1, .hidden = 1, .zoneout_cell = 2})), bad_argument,
                      "LSTM: zoneout_cell must be in 0..1; given 2");
  us::Tape<double> tape;
  UNSPOOL_CHECK_ERROR(us::locked_dropout(tape.ones({2, 3}), 0.5, {0}), shape_mismatch, "one id for each row");
  UNSPOOL_CHECK_ERROR(us::locked_dropout(tape.ones({2, 3}), 0.5, {0, -1}), index_out_of_range, "position 1 is -1");
  UNSPOOL_CHECK_ERROR(us::zoneout(tape.ones({2, 3}), tape.ones({3, 2}), 0.5), shape_mismatch, "one shape");
}
