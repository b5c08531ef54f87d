// Recurrence from the output, teacher forcing and scheduled sampling.
#include "unspool/feedback.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "support/layers.hpp"
#include "unspool/stream.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;

namespace {

constexpr std::int64_t T = 5, B = 4, I = 3, H = 4, O = 2;
const Lengths mixed{2, 5, 0, 3};

us::Tensor<double> row_of(const us::Tensor<double>& x, std::int64_t row, std::int64_t steps) {
  const std::int64_t batch = x.shape()[1], width = x.shape()[2];
  us::Tensor<double> one({steps, 1, width});
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t k = 0; k < width; ++k) one[t * width + k] = x[(t * batch + row) * width + k];
  return one;
}

us::JordanCell<double> jordan(us::ParameterSet<double>& params, us::Activation g = us::Activation::tanh) {
  return {params, "net", {.input = I, .hidden = H, .output = O, .activation = g}};
}

/// A ragged batch with its targets and a network to teach.
struct Lesson {
  us::ParameterSet<double> params{us::Seed{2}};
  us::JordanCell<double> cell = jordan(params);
  us::Tape<double> tape;
  us::Sequence<double> xs{tape.input(random_tensor({T, B, I}, 1)), mixed};
  us::Sequence<double> targets{tape.input(random_tensor({T, B, O}, 2)), mixed};
  Var start = tape.input(random_tensor({B, O}, 3));
};

/// A cell without a parameter: it adds its input to what it is fed.
Var adds(const Var& x, const Var& y) { return x + y; }

}  // namespace

TEST_CASE("a Jordan cell computes its equations, and what it feeds back is activated") {
  us::ParameterSet<double> params(us::Seed{2});
  for (const us::Activation g :
       {us::Activation::identity, us::Activation::tanh, us::Activation::sigmoid, us::Activation::softmax}) {
    const us::JordanCell<double> cell(
        params, "g" + std::to_string(static_cast<int>(g)),
        {.input = I, .hidden = H, .output = O, .nonlinearity = us::Nonlinearity::relu, .activation = g});
    const std::string name = "g" + std::to_string(static_cast<int>(g)) + ".";
    us::Tape<double> tape;
    const us::Tensor<double> x = random_tensor({1, I}, 1), y = random_tensor({1, O}, 2);
    const auto [o, fed] = cell(tape.input(x), tape.input(y));
    std::vector<double> expected(O);
    for (std::size_t k = 0; k < O; ++k) expected[k] = params[name + "bias_hy"].values()[k];
    for (std::size_t j = 0; j < H; ++j) {
      double sum = params[name + "bias_ih"].values()[j];
      for (std::size_t i = 0; i < I; ++i)
        sum += params[name + "weight_ih"].values()[j * I + i] * x[static_cast<std::int64_t>(i)];
      for (std::size_t i = 0; i < O; ++i)
        sum += params[name + "weight_yh"].values()[j * O + i] * y[static_cast<std::int64_t>(i)];
      for (std::size_t k = 0; k < O; ++k)
        expected[k] += params[name + "weight_hy"].values()[k * H + j] * std::max(sum, 0.0);
    }
    CHECK(difference(o.values(), expected) == "");
    const double total = std::exp(expected[0]) + std::exp(expected[1]);
    for (double& v : expected)
      v = g == us::Activation::tanh      ? std::tanh(v)
          : g == us::Activation::sigmoid ? 1 / (1 + std::exp(-v))
          : g == us::Activation::softmax ? std::exp(v) / total
                                         : v;
    CHECK(difference(fed.values(), expected) == "");
  }
}

TEST_CASE("Jordan cells unroll, stack, run both ways and over ragged batches, row by row as alone") {
  us::ParameterSet<double> params(us::Seed{2});
  const us::Recurrent<double, us::JordanCell<double>> stack(
      "net", {.layers = 2, .bidirectional = true}, I, [&](std::int64_t input, const std::string& suffix) {
        return us::JordanCell<double>(params, "net", {.input = input, .hidden = H, .output = O}, suffix);
      });
  CHECK(params["net.weight_ih_l1"].shape() == us::Shape{H, 2 * O});
  const us::Tensor<double> x = random_tensor({T, B, I}, 1);
  us::Tape<double> tape;
  const auto [ys, last] = stack(us::Sequence(tape.input(x), mixed));
  const us::Tensor<double> all = ys.padded().tensor();
  CHECK(last.shape() == us::Shape{4, B, O});
  for (std::int64_t b = 0; b < B; ++b) {
    const std::int64_t length = mixed[static_cast<std::size_t>(b)];
    const Var alone = stack(tape.input(row_of(x, b, length))).outputs;
    CHECK(difference(row_of(all, b, length).values(), alone.values(), us::test::exact) == "");
  }
  us::check_gradients(
      [&](us::Tape<double>&, std::span<const Var> given) {
        return sum(square(stack(us::Sequence(given[0], mixed)).outputs.packed()));
      },
      params, std::span(&x, 1));
}

TEST_CASE("a stream steps through a Jordan cell with the bits of unroll") {
  us::ParameterSet<double> params(us::Seed{2});
  const us::JordanCell<double> cell = jordan(params);
  const us::Tensor<double> x = random_tensor({T, 1, I}, 1);
  us::Tape<double> tape;
  const Var whole = us::unroll(cell, tape.input(x), cell.zero_state(tape, 1)).outputs;
  us::Stream<double> stream([&](us::StreamStep<double>& s) {
    s.output(s.run(cell, s.input({1, I}), cell.zero_state(s.tape(), 1)));
  });
  for (std::int64_t t = 0; t < T; ++t) {
    std::copy_n(x.values().begin() + t * I, I, stream.input().begin());
    stream.step();
    CHECK(difference(stream.output(), select(whole, 0, t).values(), us::test::exact) == "");
  }
}

TEST_CASE("delayed sequences begin with the initial rows") {
  us::Tape<double> tape;
  const us::Tensor<double> x = random_tensor({T, B, O}, 1), first = random_tensor({B, O}, 2);
  const Var data = tape.variable(x), initial = tape.variable(first);
  const us::Sequence<double> xs(data, mixed), later = us::delayed(xs, initial);
  CHECK(later.same_lengths(xs));
  const us::Tensor<double> y = later.padded(7).tensor();
  for (std::int64_t b = 0; b < B; ++b)
    for (std::int64_t t = 0; t < T; ++t)
      for (std::int64_t k = 0; k < O; ++k) {
        const double expected = t >= mixed[static_cast<std::size_t>(b)] ? 7
                                : t == 0                                ? first[b * O + k]
                                                                        : x[((t - 1) * B + b) * O + k];
        CHECK(y[(t * B + b) * O + k] == expected);
      }
  tape.backward(sum(later.packed()));
  CHECK(difference(initial.grad(), std::vector<double>{1, 1, 1, 1, 0, 0, 1, 1}) == "");
  CHECK(std::accumulate(data.grad().begin(), data.grad().end(), 0.0) == O * (1 + 4 + 2));
  UNSPOOL_CHECK_ERROR(us::delayed(xs, tape.zeros({B, O + 1})), shape_mismatch,
                      "the initial rows must be [4,2], one for each row; given [4,3]");
}

TEST_CASE("teacher forcing reads the targets, so that all steps are one call") {
  const Lesson lesson;
  const auto [ys, last] = us::teacher_forced(lesson.cell, lesson.xs, lesson.targets, lesson.start);
  const Var at_once = lesson.cell(lesson.xs.packed(), us::delayed(lesson.targets, lesson.start).packed()).first;
  CHECK(difference(ys.packed().values(), at_once.values()) == "");
  // The last state is the network's own: where a target is not known, generation goes on from it.
  const us::Tensor<double> outputs = ys.padded().tensor();
  for (std::int64_t k = 0; k < O; ++k) {
    CHECK(last.values()[static_cast<std::size_t>(O + k)] == doctest::Approx(std::tanh(outputs[(4 * B + 1) * O + k])));
    CHECK(last.values()[static_cast<std::size_t>(2 * O + k)] ==
          lesson.start.values()[static_cast<std::size_t>(2 * O + k)]);
  }
}

TEST_CASE("a teacher that never speaks leaves the network to itself") {
  const Lesson lesson;
  const auto forced = us::teacher_forced(lesson.cell, lesson.xs, lesson.targets, lesson.start, {.teacher = 0});
  const auto free = us::unroll(lesson.cell, lesson.xs, lesson.start);
  CHECK(difference(forced.outputs.packed().values(), free.outputs.packed().values(), us::test::exact) == "");
  CHECK(difference(forced.state.values(), free.state.values(), us::test::exact) == "");
}

TEST_CASE("scheduled sampling mixes targets and own outputs, row by row and step by step, in the given proportion") {
  constexpr std::int64_t steps = 200, rows = 20;
  us::Tape<double> tape({.seed = 3});
  // The state is the number of steps since the teacher last spoke.
  const us::Sequence<double> xs(tape.ones({steps, rows, 1}));
  const us::Sequence<double> targets(tape.zeros({steps, rows, 1}));
  for (const double teacher : {0.25, 0.9}) {
    const Var ys = us::teacher_forced(adds, xs, targets, tape.zeros({rows, 1}), {.teacher = teacher}).outputs.padded();
    std::int64_t spoke = 0, alike = 0;
    for (std::int64_t t = 1; t < steps; ++t)
      for (std::int64_t b = 0; b < rows; ++b) {
        const auto now = [&](std::int64_t row) { return ys.values()[static_cast<std::size_t>(t * rows + row)]; };
        const double before = ys.values()[static_cast<std::size_t>((t - 1) * rows + b)];
        CHECK((now(b) == 1 || now(b) == before + 1));
        spoke += now(b) == 1;
        alike += (now(b) == 1) == (now((b + 1) % rows) == 1);
      }
    const double drawn = static_cast<double>((steps - 1) * rows), p = teacher;
    const double deviation = std::sqrt(p * (1 - p) / drawn);
    CHECK(std::abs(static_cast<double>(spoke) / drawn - p) < 5 * deviation);
    // Rows draw for themselves: two agree with probability p^2 + (1 - p)^2.
    CHECK(std::abs(static_cast<double>(alike) / drawn - (p * p + (1 - p) * (1 - p))) < 0.05);
  }
  us::Tape<double> again({.seed = 3});
  const us::Sequence<double> ones(again.ones({steps, rows, 1})), zeros(again.zeros({steps, rows, 1}));
  const Var ys = us::teacher_forced(adds, ones, zeros, again.zeros({rows, 1}), {.teacher = 0.25}).outputs.packed();
  us::Tape<double> other({.seed = 4});
  const us::Sequence<double> more(other.ones({steps, rows, 1})), none(other.zeros({steps, rows, 1}));
  const Var zs = us::teacher_forced(adds, more, none, other.zeros({rows, 1}), {.teacher = 0.25}).outputs.packed();
  CHECK(difference(ys.values(), zs.values(), us::test::exact) != "");
}

TEST_CASE("gradients of scheduled sampling are confirmed by numeric differences, and stop where they are told to") {
  us::ParameterSet<double> params(us::Seed{2});
  const us::JordanCell<double> cell = jordan(params);
  const std::vector<us::Tensor<double>> given{random_tensor({T, B, I}, 1), random_tensor({T, B, O}, 2),
                                              random_tensor({B, O}, 3)};
  us::check_gradients(
      [&](us::Tape<double>&, std::span<const Var> v) {
        const us::Sequence<double> xs(v[0], mixed), targets(v[1], mixed);
        const auto [ys, last] = us::teacher_forced(cell, xs, targets, v[2], {.teacher = 0.5});
        return sum(square(ys.packed())) + sum(last);
      },
      params, given);
  us::Tape<double> tape;
  const Var x = tape.variable(random_tensor({T, 1, O}, 1));
  const us::Sequence<double> xs(x), targets(tape.zeros({T, 1, O}));
  const auto [ys, last] = us::teacher_forced(adds, xs, targets, tape.zeros({1, O}), {.teacher = 0, .detach = true});
  tape.backward(sum(last));
  std::vector<double> expected(T * O, 0.0);
  expected[T * O - 1] = expected[T * O - 2] = 1;  // of the last step alone
  CHECK(difference(x.grad(), expected) == "");
}

TEST_CASE("the state that is forced may be a part of a larger one, such as an embedding beside an LSTM's state") {
  struct State {
    Var said;
    us::LSTMState<double> lstm;
  };
  us::ParameterSet<double> params(us::Seed{2});
  const us::LSTMCell<double> lstm(params, "lstm", {.input = I + O, .hidden = O});
  const auto cell = [&](const Var& x, const State& s) {
    const us::LSTMState<double> next = lstm(us::concat({x, s.said}, 1), s.lstm);
    return std::pair(next.h, State{softmax(next.h, -1), next});
  };
  us::Tape<double> tape;
  const Var x = tape.input(random_tensor({T, B, I}, 1)), y = tape.input(random_tensor({T, B, O}, 2));
  const us::Sequence<double> xs(x, mixed), targets(y, mixed);
  const State start{tape.ones({B, O}), lstm.zero_state(tape, B)};
  const auto [ys, last] = us::teacher_forced(cell, xs, targets, start);
  // With the teacher speaking at every step this is an LSTM that reads the delayed targets beside the input.
  const auto inputs = concat(xs, us::delayed(targets, start.said));
  const auto [zs, end] = us::unroll(lstm, inputs, start.lstm);
  CHECK(difference(ys.packed().values(), zs.packed().values()) == "");
  CHECK(difference(last.lstm.c.values(), end.c.values()) == "");
}

TEST_CASE("the three decays are those of Bengio et al.") {
  const us::LinearDecay linear{.start = 0.9, .slope = 0.1, .least = 0.25};
  CHECK(linear(0) == 0.9);
  CHECK(linear(3) == doctest::Approx(0.6));
  CHECK(linear(100) == 0.25);
  CHECK(us::ExponentialDecay{.base = 0.5}(3) == 0.125);
  const us::InverseSigmoidDecay sigmoid{.k = 10};
  CHECK(sigmoid(0) == doctest::Approx(10.0 / 11));
  CHECK(sigmoid(23) == doctest::Approx(10 / (10 + std::exp(2.3))));
  CHECK(sigmoid(1'000'000'000) == 0);
  UNSPOOL_CHECK_ERROR(linear(-1), bad_argument, "LinearDecay: step must not be negative; given -1");
  UNSPOOL_CHECK_ERROR((us::LinearDecay{.start = 0.1, .least = 0.5}(0)), bad_argument, "least <= start");
  UNSPOOL_CHECK_ERROR((us::ExponentialDecay{.base = 1}(0)), bad_argument, "below 1; given 1");
  UNSPOOL_CHECK_ERROR((us::InverseSigmoidDecay{.k = 0.5}(0)), bad_argument, "at least 1; given 0.5");
}

TEST_CASE("forcing with what does not fit is rejected") {
  us::ParameterSet<double> params(us::Seed{2});
  const us::JordanCell<double> cell = jordan(params);
  us::Tape<double> tape;
  const us::Sequence<double> xs(tape.ones({T, B, I}), mixed), targets(tape.ones({T, B, O}), mixed);
  const Var start = tape.zeros({B, O});
  UNSPOOL_CHECK_ERROR(us::teacher_forced(cell, xs, targets, start, {.teacher = 1.1}), bad_argument,
                      "teacher must be in 0..1; given 1.1");
  UNSPOOL_CHECK_ERROR(us::teacher_forced(cell, xs, us::Sequence<double>(tape.ones({T, B, O})), start), shape_mismatch,
                      "the targets must have the lengths of the inputs");
  UNSPOOL_CHECK_ERROR(us::teacher_forced(cell, xs, us::Sequence<double>(tape.ones({T, B, 3}), mixed), start),
                      shape_mismatch, "they are [10,3] packed, and it is [4,2]");
  UNSPOOL_CHECK_ERROR((us::JordanCell<double>(params, "j", {.input = 1, .hidden = 1})), bad_argument,
                      "given 1, 1 and 0 for \"j\"");
}
