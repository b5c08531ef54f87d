// Cells: the fused ops against the same step composed of elementary ops, labels, initial values, errors.
#include "unspool/cells.hpp"

#include <doctest/doctest.h>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "tape/tape_core.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;

namespace {

constexpr us::test::Tolerance outputs{1e-12, 1e-12};
constexpr us::test::Tolerance gradients{1e-11, 1e-11};

using Values = std::vector<double>;
using Named = std::vector<std::pair<std::string, Values>>;

Values copy(std::span<const double> x) { return Values(x.begin(), x.end()); }

us::Var<double> first_state(us::Tape<double>& tape, const us::Tensor<double>& h, us::Var<double>*, Named&) {
  return tape.variable(h);
}
us::LSTMState<double> first_state(us::Tape<double>& tape, const us::Tensor<double>& h, us::LSTMState<double>*, Named&) {
  return {tape.variable(h), tape.variable(random_tensor(h.shape(), 77))};
}
std::vector<us::Var<double>> parts(const us::Var<double>& h) { return {h}; }
std::vector<us::Var<double>> parts(const us::LSTMState<double>& s) { return {s.h, s.c}; }

// Two steps of a cell; outputs and, from a loss that weighs every number differently, all gradients.
template <class Cell, class Options>
std::pair<Named, Named> run(Options options, std::int64_t B, std::int64_t H, bool fused) {
  constexpr std::int64_t I = 5;
  us::ParameterSet<double> params(us::Seed{9});
  options.input = I;
  options.hidden = H;
  options.fused = fused;
  const Cell cell(params, "cell", options);
  us::Tape<double> tape;
  Named values, grads;
  const us::Var x0 = tape.variable(random_tensor({B, I}, 1)), x1 = tape.variable(random_tensor({B, I}, 2));
  using State = typename Cell::State;
  const State first = first_state(tape, random_tensor({B, H}, 3), static_cast<State*>(nullptr), values);
  const State last = cell(x1, cell(x0, first));
  us::Var<double> loss = tape.scalar(0);
  std::uint64_t seed = 10;
  for (const us::Var<double>& part : parts(last)) {
    values.emplace_back("state", copy(part.values()));
    loss += sum(part * tape.input(random_tensor(part.shape(), seed++)));
  }
  tape.backward(loss);
  for (const us::Var<double>& leaf : {x0, x1}) grads.emplace_back("x", copy(leaf.grad()));
  for (const us::Var<double>& leaf : parts(first)) grads.emplace_back("first state", copy(leaf.grad()));
  for (const us::Parameter<double>& p : params) grads.emplace_back(p.name(), copy(p.grad()));
  return {values, grads};
}

template <class Cell, class Options>
void compare(const Options& options) {
  for (const std::int64_t B : {1, 3, 7})
    for (const std::int64_t H : {1, 3, 17, 33}) {
      const auto [fused_values, fused_grads] = run<Cell>(options, B, H, true);
      const auto [plain_values, plain_grads] = run<Cell>(options, B, H, false);
      CAPTURE(B);
      CAPTURE(H);
      for (std::size_t i = 0; i < plain_values.size(); ++i)
        CHECK(difference(fused_values[i].second, plain_values[i].second, outputs) == "");
      for (std::size_t i = 0; i < plain_grads.size(); ++i) {
        CAPTURE(plain_grads[i].first);
        CHECK(difference(fused_grads[i].second, plain_grads[i].second, gradients) == "");
      }
    }
}

}  // namespace

TEST_CASE("the fused LSTM step equals the same step composed of elementary ops") {
  compare<us::LSTMCell<double>>(us::LSTMCellOptions{});
  compare<us::LSTMCell<double>>(us::LSTMCellOptions{.forget_bias = 1});
}

TEST_CASE("the fused GRU step equals the same step composed of elementary ops") {
  compare<us::GRUCell<double>>(us::GRUCellOptions{});
}

TEST_CASE("the fused plain step equals the same step composed of elementary ops, with tanh and with relu") {
  compare<us::RNNCell<double>>(us::RNNCellOptions{});
  compare<us::RNNCell<double>>(us::RNNCellOptions{.nonlinearity = us::Nonlinearity::relu});
}

TEST_CASE("a fused LSTM step is one op that keeps 6 B H values beside its projected input") {
  us::ParameterSet<double> params;
  const us::LSTMCell cell(params, "cell", {.input = 2, .hidden = 16});
  us::Tape<double> tape;
  const us::LSTMState state = cell.zero_state(tape, 2);
  const us::Var projected = cell.project(tape.zeros({2, 2}));
  (void)cell.step(projected, state);  // the parameters have their leaves now
  const us::TapeStats before = tape.stats();
  (void)cell.step(projected, state);
  const us::TapeStats after = tape.stats();
  CHECK(after.nodes - before.nodes == 3);  // the step and two views
  const std::int64_t bytes = after.value_bytes - before.value_bytes;
  CHECK(bytes >= 6 * 2 * 16 * 8);
  CHECK(bytes < 6 * 2 * 16 * 8 + 256);
}

TEST_CASE("one weight gradient over many steps is one product") {
  us::ParameterSet<double> params;
  const us::GRUCell cell(params, "cell", {.input = 3, .hidden = 4});
  us::Tape<double> tape;
  us::Var h = cell.zero_state(tape, 2);
  for (int t = 0; t < 9; ++t) h = cell(tape.ones({2, 3}), h);
  tape.backward(sum(h));
  CHECK(tape.stats().deferred_flushes == 4);  // two weights, two biases
  CHECK(tape.stats().deferred_entries == 4 * 9);
}

TEST_CASE("cells have PyTorch's parameter names and shapes, and values within 1/sqrt(hidden)") {
  us::ParameterSet<float> params(us::Seed{3});
  const us::LSTMCell lstm(params, "encoder.cell", {.input = 3, .hidden = 16});
  const us::GRUCell gru(params, "", {.input = 2, .hidden = 5});
  const us::RNNCell rnn(params, "r", {.input = 2, .hidden = 5});
  CHECK(params["encoder.cell.weight_ih"].shape() == us::Shape{64, 3});
  CHECK(params["encoder.cell.weight_hh"].shape() == us::Shape{64, 16});
  CHECK(params["encoder.cell.bias_ih"].shape() == us::Shape{64});
  CHECK(params["bias_hh"].shape() == us::Shape{15});
  CHECK(params["weight_ih"].shape() == us::Shape{15, 2});
  CHECK(params["r.weight_hh"].shape() == us::Shape{5, 5});
  float largest = 0;
  for (const float v : params["encoder.cell.weight_hh"].values()) largest = std::max(largest, std::abs(v));
  CHECK(largest <= 0.25f);
  CHECK(largest > 0.24f);
}

TEST_CASE("initialisers can be chosen, and the forget gate's bias raised") {
  us::ParameterSet<double> params;
  const us::LSTMCell lstm(params, "a", {.input = 2, .hidden = 3, .forget_bias = 1.5, .init = {.bias = us::zeros()}});
  const Values expected{0, 0, 0, 1.5, 1.5, 1.5, 0, 0, 0, 0, 0, 0};
  CHECK(difference(params["a.bias_ih"].values(), expected) == "");
  CHECK(difference(params["a.bias_hh"].values(), Values(12, 0.0)) == "");
  const us::RNNCell rnn(
      params, "b",
      {.input = 2, .hidden = 2, .nonlinearity = us::Nonlinearity::relu, .init = {.weight_hh = us::identity()}});
  CHECK(difference(params["b.weight_hh"].values(), Values{1, 0, 0, 1}) == "");
  us::forget_gate_bias(params["a.bias_hh"], -2);
  CHECK(params["a.bias_hh"].values()[3] == -2);
  CHECK(params["a.bias_hh"].values()[6] == 0);
  UNSPOOL_CHECK_ERROR(us::forget_gate_bias(params["b.bias_ih"], 1), bad_shape, "the bias must be [4H]");
  UNSPOOL_CHECK_ERROR(us::forget_gate_bias(params["b.weight_hh"], 1), bad_shape, "\"b.weight_hh\" is [2,2]");
}

TEST_CASE("a cell's nodes are in its scope and at the caller's line") {
  us::ParameterSet<double> params;
  const us::RNNCell cell(params, "cell", {.input = 2, .hidden = 2});
  us::Tape<double> tape;
  const us::Var h0 = cell.zero_state(tape, 1), x = tape.ones({1, 2});
  const auto outer = tape.scope("model");
  const auto step = tape.step(4);
  const us::Var h = cell(x, h0);
  const int line = __LINE__ - 1;
  const us::detail::Node& node = tape.core()->node(h.index());
  const auto& context = tape.core()->labels().context(node.context);
  CHECK(tape.core()->labels().scope_path(context.scope) == "model/cell");
  CHECK(context.step == 4);
  CHECK(static_cast<int>(node.where.line()) == line);
}

TEST_CASE("sizes and shapes that do not fit are rejected before anything is recorded") {
  us::ParameterSet<double> params;
  UNSPOOL_CHECK_ERROR((us::RNNCell(params, "r", {.input = 0, .hidden = 2})), bad_argument,
                      "RNNCell: input and hidden must be above 0; given 0 and 2 for \"r\"");
  const us::LSTMCell lstm(params, "l", {.input = 2, .hidden = 3});
  UNSPOOL_CHECK_ERROR((us::LSTMCell(params, "l", {.input = 2, .hidden = 3})), duplicate_name, "l.weight_ih");
  us::Tape<double> tape;
  const us::Var x = tape.ones({1, 2}), h = tape.zeros({1, 3});
  UNSPOOL_CHECK_ERROR(lstm(us::Var<double>(), {h, h}), stale_handle, "never recorded");
  UNSPOOL_CHECK_ERROR(lstm(x, {tape.zeros({1, 4}), h}), shape_mismatch,
                      "lstm_cell: xg must be [1,16] where h is [1,4]");
  UNSPOOL_CHECK_ERROR(lstm(x, {h, tape.zeros({2, 3})}), shape_mismatch, "c must be [1,3]");
  UNSPOOL_CHECK_ERROR(lstm(x, {tape.zeros({3}), h}), shape_mismatch, "h must be [B,H]; given [3]");
  UNSPOOL_CHECK_ERROR(lstm(tape.ones({2, 2}), {h, h}), shape_mismatch, "xg must be [1,12]");
  const us::Var xg = tape.ones({1, 9}), w = tape.ones({9, 3});
  const std::int64_t nodes = tape.stats().nodes;
  UNSPOOL_CHECK_ERROR(us::gru_cell(xg, h, tape.ones({9, 2}), tape.ones({9})), shape_mismatch, "w_hh must be [9,3]");
  UNSPOOL_CHECK_ERROR(us::gru_cell(xg, h, w, tape.ones({8})), shape_mismatch, "b_hh must be [9]");
  CHECK(tape.stats().nodes == nodes + 3);  // the operands made on those lines, no op
}
