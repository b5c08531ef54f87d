// A ragged batch against its rows by themselves: outputs, final states and gradients, whatever the state is made of.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"
#include "unspool/recurrent.hpp"

namespace unspool::test {

constexpr Tolerance row_outputs{1e-12, 1e-12};
constexpr Tolerance row_gradients{1e-11, 1e-11};

/// One or more rows of a batch: x [T,B,I], initial states [cells,B,W], and weights that tell every number of the outputs
/// and of the final states apart.
struct RowBatch {
  Tensor<double> x, output_weights;
  std::vector<Tensor<double>> initial, state_weights;
  std::vector<std::int64_t> lengths;
};

/// The first `steps` steps of a row of x [T,B,W].
inline Tensor<double> row_of(const Tensor<double>& x, std::int64_t row, std::int64_t steps) {
  const std::int64_t batch = x.shape()[1], width = x.shape()[2];
  Tensor<double> one({steps, 1, width});
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t k = 0; k < width; ++k) one[t * width + k] = x[(t * batch + row) * width + k];
  return one;
}

/// The row alone, cut to its length.
inline RowBatch alone(const RowBatch& all, std::int64_t row) {
  const std::int64_t length = all.lengths[static_cast<std::size_t>(row)];
  RowBatch one{row_of(all.x, row, length), row_of(all.output_weights, row, length), {}, {}, {length}};
  for (const auto& s : all.initial) one.initial.push_back(row_of(s, row, s.shape()[0]));
  for (const auto& s : all.state_weights) one.state_weights.push_back(row_of(s, row, s.shape()[0]));
  return one;
}

struct RowResult {
  Tensor<double> outputs, dx;
  std::vector<Tensor<double>> last, dinitial;
  std::vector<double> dparams;
};

/// What is run, and how wide it is: run(xs, fill) has fill(state) give the initial state its values, and returns outputs
/// and last state, whose Vars are [cells,B,...].
template <class Run>
struct RowCheck {
  ParameterSet<double>& params;
  std::int64_t input = 0, output = 0, cells = 1;
  std::vector<std::int64_t> state_widths;
  Run run;

  RowResult result(const RowBatch& batch) const {
    Tape<double> tape;
    params.zero_grad();
    const Var<double> x = tape.variable(batch.x);
    std::vector<Var<double>> initial;
    for (const Tensor<double>& s : batch.initial) initial.push_back(tape.variable(s));
    const auto fill = [&](auto& state) {
      std::size_t part = 0;
      for_each_var(state, [&](Var<double>& v) { v = initial.at(part++); });
      REQUIRE(part == initial.size());
    };
    const auto [ys, last] = run(Sequence<double>(x, batch.lengths), fill);
    const Var<double> padded = ys.padded();
    Var<double> loss = sum(padded * tape.input(batch.output_weights));
    RowResult result;
    for_each_var(last, [&](const Var<double>& part) {
      loss += sum(square(part) * tape.input(batch.state_weights[result.last.size()]));
      result.last.push_back(part.tensor());
    });
    result.outputs = padded.tensor();
    tape.backward(loss);
    const auto gradient = [](const Var<double>& v) {
      return Tensor<double>(v.shape(), std::vector<double>(v.grad().begin(), v.grad().end()));
    };
    result.dx = gradient(x);
    for (const Var<double>& s : initial) result.dinitial.push_back(gradient(s));
    for (const Parameter<double>& p : params)
      result.dparams.insert(result.dparams.end(), p.grad().begin(), p.grad().end());
    return result;
  }

  /// Numbers at random; beyond a row's end NaN, which must never be read.
  RowBatch random_batch(const std::vector<std::int64_t>& lengths, std::int64_t steps, std::uint64_t seed) const {
    const auto B = static_cast<std::int64_t>(lengths.size());
    RowBatch batch{
        random_tensor({steps, B, input}, seed), random_tensor({steps, B, output}, seed + 1), {}, {}, lengths};
    for (std::size_t k = 0; k < state_widths.size(); ++k) {
      batch.initial.push_back(random_tensor({cells, B, state_widths[k]}, seed + 2 + k));
      batch.state_weights.push_back(random_tensor({cells, B, state_widths[k]}, seed + 12 + k));
    }
    for (std::int64_t t = 0; t < steps; ++t)
      for (std::int64_t b = 0; b < B; ++b)
        if (t >= lengths[static_cast<std::size_t>(b)])
          std::fill_n(batch.x.data() + (t * B + b) * input, input, std::numeric_limits<double>::quiet_NaN());
    return batch;
  }

  void check(const std::vector<std::int64_t>& lengths, std::int64_t steps, std::uint64_t seed) const {
    const RowBatch batch = random_batch(lengths, steps, seed);
    const RowResult all = result(batch);
    const auto B = static_cast<std::int64_t>(lengths.size());
    REQUIRE(all.outputs.shape() == Shape{steps, B, output});
    std::vector<double> dparams(all.dparams.size(), 0.0);
    for (std::int64_t b = 0; b < B; ++b) {
      CAPTURE(b);
      const std::int64_t length = lengths[static_cast<std::size_t>(b)];
      const RowResult one = result(alone(batch, b));
      CHECK(difference(row_of(all.outputs, b, length).values(), one.outputs.values(), row_outputs) == "");
      CHECK(difference(row_of(all.dx, b, length).values(), one.dx.values(), row_gradients) == "");
      for (std::size_t k = 0; k < state_widths.size(); ++k) {
        CHECK(difference(row_of(all.last[k], b, cells).values(), one.last[k].values(), row_outputs) == "");
        CHECK(difference(row_of(all.dinitial[k], b, cells).values(), one.dinitial[k].values(), row_gradients) == "");
        if (length == 0)
          CHECK(difference(row_of(all.last[k], b, cells).values(), row_of(batch.initial[k], b, cells).values(),
                           exact) == "");
      }
      for (std::size_t i = 0; i < dparams.size(); ++i) dparams[i] += one.dparams[i];
      for (std::int64_t t = length; t < steps; ++t) {
        for (std::int64_t k = 0; k < output; ++k) CHECK(all.outputs[(t * B + b) * output + k] == 0);
        for (std::int64_t k = 0; k < input; ++k) CHECK(all.dx[(t * B + b) * input + k] == 0);
      }
    }
    CHECK(difference(all.dparams, dparams, row_gradients) == "");
  }

  /// Lengths of every kind: equal, unsorted, none, no rows; and some at random.
  void check_all(std::uint64_t rounds = 6) const {
    const std::vector<std::vector<std::int64_t>> mixes{{3, 1, 2}, {0, 4, 0, 2}, {5, 5, 5}, {2, 2, 2},
                                                       {0, 0},    {1},          {0},       {}};
    for (const std::vector<std::int64_t>& lengths : mixes) check(lengths, 5, 31);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      Random random(Seed{7 + round});
      std::vector<std::int64_t> lengths(static_cast<std::size_t>(1 + random.below(9)));
      for (std::int64_t& length : lengths) length = random.below(8);
      check(lengths, 7 + random.below(3), 100 + round);
    }
    check({0, 0, 0}, 0, 3);
  }
};

/// A RowCheck of a stack of cells, ours or a user's: all that is asked of a cell is zero_state(x, batch) and a width.
template <class Layer>
void check_stack_rows(const Layer& layer, ParameterSet<double>& params, std::uint64_t rounds = 6) {
  Tape<double> tape;
  const auto zero = layer.cells()[0].zero_state(tape.zeros({0, layer.input()}), 0);
  std::vector<std::int64_t> widths;
  for_each_var(zero, [&](const Var<double>& v) { widths.push_back(v.shape()[1]); });
  const auto run = [&](const Sequence<double>& xs, const auto& fill) {
    typename Layer::State initial = layer.cells()[0].zero_state(xs.packed(), xs.batch());
    fill(initial);
    return layer(xs, initial);
  };
  const std::int64_t directions = layer.options().bidirectional ? 2 : 1;
  RowCheck<decltype(run)>{params,
                          layer.input(),
                          directions * detail::output_width(layer.cells()[0]),
                          static_cast<std::int64_t>(layer.cells().size()),
                          widths,
                          run}
      .check_all(rounds);
}

}  // namespace unspool::test
