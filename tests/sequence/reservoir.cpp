// Echo state networks: the reservoir's spectral radius, the echo state property, and the fit of a readout.
#include "unspool/reservoir.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/layers.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

/// Gelfand's formula, which knows nothing of eigenvalues: the limit of |A^k|^(1/k), by squaring A again and again.
double radius_by_powers(std::int64_t n, Values a) {
  double logarithm = 0, power = 1;
  for (int round = 0; round < 24; ++round) {
    double largest = 0;
    for (const double v : a) largest = std::max(largest, std::abs(v));
    logarithm += std::log(largest) / power;
    for (double& v : a) v /= largest;
    Values squared(a.size(), 0.0);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t k = 0; k < n; ++k)
        for (std::int64_t j = 0; j < n; ++j)
          squared[static_cast<std::size_t>(i * n + j)] +=
              a[static_cast<std::size_t>(i * n + k)] * a[static_cast<std::size_t>(k * n + j)];
    a = std::move(squared);
    power *= 2;
  }
  return std::exp(logarithm);
}

Values copy(std::span<const double> x) { return {x.begin(), x.end()}; }

}  // namespace

TEST_CASE("a spectral matrix has the radius and the density that it was asked for") {
  for (const auto& [n, radius, density] : {std::tuple{1, 0.5, 1.0}, {2, 1.5, 1.0}, {30, 0.9, 1.0}, {60, 0.7, 0.1}}) {
    us::ParameterSet<double> params(us::Seed{static_cast<std::uint64_t>(n)});
    const us::Parameter<double>& w = params.add("w", {n, n}, us::spectral(radius, density));
    CHECK(radius_by_powers(n, copy(w.values())) == doctest::Approx(radius).epsilon(1e-5));
    const auto zeros = static_cast<double>(std::ranges::count(w.values(), 0.0)), all = static_cast<double>(n * n);
    CHECK(std::abs(zeros / all - (1 - density)) <= 5 * std::sqrt(density * (1 - density) / all));
  }
  us::ParameterSet<float> params;
  CHECK(params.add("still", {3, 3}, us::spectral(0)).values()[4] == 0);
  CHECK(params.add("none", {0, 0}, us::spectral(1)).size() == 0);
  UNSPOOL_CHECK_ERROR(params.add("wide", {2, 3}, us::spectral(1)), bad_argument, "wide must be square; shape is [2,3]");
  UNSPOOL_CHECK_ERROR(params.add("a", {2, 2}, us::spectral(-1)), bad_argument, "given -1 and 1");
  UNSPOOL_CHECK_ERROR(params.add("b", {2, 2}, us::spectral(1, 0)), bad_argument, "given 1 and 0");
  UNSPOOL_CHECK_ERROR(params.add("c", {20, 20}, us::spectral(1, 1e-9)), bad_argument,
                      "must have an eigenvalue other than 0 to be scaled; c of density 1e-09 has none");
}

TEST_CASE("a reservoir below radius 1 forgets where it began, and is not trained") {
  us::ParameterSet<double> params(us::Seed{4});
  const us::EchoState<double> reservoir(
      params, "r",
      {.input = 2, .hidden = 40, .radius = 0.8, .density = 0.2, .input_scale = 0.5, .bias_scale = 0.1, .leak = 0.5});
  const us::Linear<double> readout(params, "readout", {.input = 40, .output = 1});
  us::Tape<double> tape;
  const Var x = tape.input(random_tensor({300, 1, 2}, 1));
  const auto one = reservoir(x, tape.input(random_tensor({1, 1, 40}, 2))), other = reservoir(x);
  double begin = 0, end = 0;
  for (std::size_t k = 0; k < 40; ++k) {
    begin = std::max(begin, std::abs(one.outputs.values()[k] - other.outputs.values()[k]));
    end = std::max(end, std::abs(one.state.values()[k] - other.state.values()[k]));
  }
  CHECK(begin > 0.1);
  CHECK(end < 1e-9);
  tape.backward(sum(square(readout(one.outputs))));
  CHECK(!params["readout.weight"].grad_is_zero());
  for (const char* name : {"r.weight_ih_l0", "r.weight_hh_l0", "r.bias_ih_l0", "r.bias_hh_l0"}) {
    CHECK(!params[name].trainable());
    CHECK(params[name].grad_is_zero());
  }
  const auto in_range = [](double scale) { return [scale](double v) { return std::abs(v) <= scale; }; };
  CHECK(std::ranges::all_of(params["r.weight_ih_l0"].values(), in_range(0.5)));
  CHECK(std::ranges::all_of(params["r.bias_ih_l0"].values(), in_range(0.1)));
  CHECK(std::ranges::all_of(params["r.bias_hh_l0"].values(), in_range(0)));
}

TEST_CASE("reservoirs stack and run both ways over ragged batches") {
  us::ParameterSet<double> params(us::Seed{4});
  const us::EchoState<double> reservoir(params, "r",
                                        {.input = 2, .hidden = 10, .density = 0.5, .layers = 2, .bidirectional = true});
  us::Tape<double> tape;
  const Var x = tape.input(random_tensor({6, 3, 2}, 1));
  const us::Sequence<double> ys = reservoir(us::Sequence<double>(x, {6, 0, 3})).outputs;
  CHECK(ys.packed().shape() == us::Shape{9, 20});
  const Var alone = reservoir(slice(slice(x, 1, 2, 3), 0, 0, 3)).outputs;
  const Var row = slice(slice(ys.padded(), 1, 2, 3), 0, 0, 3);
  CHECK(difference(row.values(), alone.values(), us::test::exact) == "");
}

TEST_CASE("a fitted readout solves the normal equations of ridge regression") {
  constexpr std::int64_t N = 50, in = 6, out = 2;
  const us::Tensor<double> x = random_tensor({N, in}, 1), y = random_tensor({N, out}, 2);
  for (const double ridge : {0.0, 0.5})
    for (const bool bias : {true, false}) {
      us::ParameterSet<double> params;
      us::Linear<double> readout(params, "r", {.input = in, .output = out, .bias = bias});
      us::fit_readout(readout, x.values(), y.values(), ridge);
      us::Tape<double> tape;
      const Var given = tape.input(x);
      const Var loss =
          sum(square(readout(given) - tape.input(y))) + sum(square(tape.parameter(params["r.weight"]))) * ridge;
      tape.backward(loss);  // at the minimum of a convex function every gradient is 0
      CHECK(difference(params["r.weight"].grad(), Values(in * out, 0.0), {1e-11, 0}) == "");
      if (bias) CHECK(difference(params["r.bias"].grad(), Values(out, 0.0), {1e-11, 0}) == "");
    }
}

TEST_CASE("an echo state network recalls its input of ten steps ago") {
  constexpr std::int64_t steps = 1200, washout = 100, trained = 900, H = 100, delay = 10;
  us::ParameterSet<float> params(us::Seed{4});
  const us::EchoState<float> reservoir(params, "r",
                                       {.input = 1, .hidden = H, .radius = 0.95, .density = 0.2, .input_scale = 0.1});
  us::Linear<float> readout(params, "readout", {.input = H, .output = 1});
  const us::Tensor<float> x = random_tensor<float>({steps, 1, 1}, 9);
  us::Tape<float> tape;
  const us::Var<float> states = reservoir(tape.input(x)).outputs;
  us::fit_readout(readout, states.values().subspan(washout * H, (trained - washout) * H),
                  x.values().subspan(washout - delay, trained - washout));
  const us::Var<float> said = readout(slice(states, 0, trained));
  double wrong = 0, all = 0;
  for (std::int64_t t = trained; t < steps; ++t) {
    const double wanted = x[t - delay], given = said.values()[static_cast<std::size_t>(t - trained)];
    wrong += (given - wanted) * (given - wanted);
    all += wanted * wanted;
  }
  CHECK(wrong / all < 0.02);
}

TEST_CASE("what cannot be fitted is rejected, and the layer stays as it was") {
  us::ParameterSet<double> params;
  us::Linear<double> readout(params, "r", {.input = 2, .output = 1});
  const Values before = copy(params["r.weight"].values());
  const Values x{1, 2, 3, 4, 5, 6}, y{1, 2, 3}, alike{1, 1, 1, 1, 1, 1}, none;
  UNSPOOL_CHECK_ERROR(us::fit_readout(readout, x, none), shape_mismatch,
                      "x and y must have rows of 2 and 1 numbers, equally many; given 6 and 0 numbers");
  UNSPOOL_CHECK_ERROR(us::fit_readout(readout, none, none), bad_argument, "given 0 rows");
  UNSPOOL_CHECK_ERROR(us::fit_readout(readout, x, y, -1), bad_argument, "given 3 rows and -1");
  UNSPOOL_CHECK_ERROR(us::fit_readout(readout, alike, y, 0), bad_argument,
                      "the rows must determine the weights; with a ridge of 0 these 3 rows do not");
  const Values bad{1, 2, 3, std::numeric_limits<double>::quiet_NaN(), 5, 6};
  UNSPOOL_CHECK_ERROR(us::fit_readout(readout, bad, y), nonfinite, "rows must be finite numbers");
  CHECK(difference(params["r.weight"].values(), before, us::test::exact) == "");
  UNSPOOL_CHECK_ERROR((us::EchoState<double>(params, "e", {.input = 1, .hidden = 2, .input_scale = -1})), bad_argument,
                      "scales must not be negative; given -1 and 0 for \"e\"");
}
