// Layers over whole sequences: against loops of cells, their memory, their labels, their errors.
#include "unspool/layers.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/allocations.hpp"
#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "tape/tape_core.hpp"
#include "unspool/clip.hpp"
#include "unspool/ops.hpp"
#include "unspool/optim.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;

namespace {

using Values = std::vector<double>;

Values all_gradients(const us::ParameterSet<double>& params) {
  Values all;
  for (const us::Parameter<double>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
  return all;
}

}  // namespace

TEST_CASE("a two-layer LSTM over a sequence equals a loop over its cells, step by step") {
  constexpr std::int64_t T = 6, B = 3, I = 4, H = 5;
  us::ParameterSet<double> params(us::Seed{5});
  const us::LSTM lstm(params, "rnn", {.input = I, .hidden = H, .layers = 2});
  const us::Tensor<double> x = random_tensor({T, B, I}, 1), h0 = random_tensor({2, B, H}, 2),
                           c0 = random_tensor({2, B, H}, 3);
  const us::Tensor<double> weigh = random_tensor({T, B, H}, 4);

  us::Tape<double> tape;
  const us::Var xs = tape.variable(x);
  const auto [ys, last] = lstm(xs, {tape.input(h0), tape.input(c0)});
  tape.backward(sum(ys * tape.input(weigh)) + sum(square(last.c)) + sum(last.h));
  const Values dx(xs.grad().begin(), xs.grad().end()), grads = all_gradients(params);

  us::Tape<double> loop;
  params.zero_grad();
  const us::Var steps = loop.variable(x), hs = loop.input(h0), cs = loop.input(c0);
  std::vector<us::LSTMState<double>> state;
  for (int k = 0; k < 2; ++k) state.push_back({select(hs, 0, k), select(cs, 0, k)});
  us::Var<double> loss = loop.scalar(0);
  for (int t = 0; t < T; ++t) {
    us::Var input = select(steps, 0, t);
    for (std::size_t k = 0; k < 2; ++k) input = (state[k] = lstm.cells()[k](input, state[k])).h;
    CHECK(difference(ys.values().subspan(static_cast<std::size_t>(t * B * H), B * H), input.values()) == "");
    loss += sum(input * select(loop.input(weigh), 0, t));
  }
  for (std::size_t k = 0; k < 2; ++k) {
    CHECK(difference(last.h.values().subspan(k * B * H, B * H), state[k].h.values()) == "");
    CHECK(difference(last.c.values().subspan(k * B * H, B * H), state[k].c.values()) == "");
    loss += sum(square(state[k].c)) + sum(state[k].h);
  }
  loop.backward(loss);
  CHECK(difference(dx, steps.grad(), {1e-11, 1e-11}) == "");
  CHECK(difference(grads, all_gradients(params), {1e-11, 1e-11}) == "");
}

TEST_CASE("zero states are what a missing initial state means") {
  us::ParameterSet<float> params(us::Seed{5});
  const us::GRU gru(params, "gru", {.input = 2, .hidden = 3, .layers = 2});
  const us::RNN rnn(params, "rnn", {.input = 2, .hidden = 3, .nonlinearity = us::Nonlinearity::relu});
  us::Tape tape;
  const us::Var x = tape.input(random_tensor<float>({4, 2, 2}, 1));
  const auto [ys, h] = gru(x);
  const auto [zs, g] = gru(x, tape.zeros({2, 2, 3}));
  CHECK(difference(ys.values(), zs.values(), us::test::exact) == "");
  CHECK(difference(h.values(), g.values(), us::test::exact) == "");
  CHECK(h.shape() == us::Shape{2, 2, 3});
  const auto [outputs, last] = rnn(x);
  CHECK(outputs.shape() == us::Shape{4, 2, 3});
  CHECK(difference(outputs.values().last(6), last.values(), us::test::exact) == "");
}

TEST_CASE("splitting a sequence and carrying the state changes nothing") {
  us::ParameterSet<double> params(us::Seed{6});
  const us::LSTM lstm(params, "lstm", {.input = 2, .hidden = 3, .layers = 2});
  us::Tape<double> tape;
  const us::Var x = tape.input(random_tensor({7, 2, 2}, 1));
  const auto [whole, end] = lstm(x);
  const auto [front, middle] = lstm(slice(x, 0, 0, 3));
  const auto [back, end_again] = lstm(slice(x, 0, 3), middle);
  CHECK(difference(whole.values().last(4 * 6), back.values()) == "");
  CHECK(difference(end.h.values(), end_again.h.values()) == "");
  CHECK(difference(end.c.values(), end_again.c.values()) == "");
}

TEST_CASE("layers have PyTorch's parameter names, in its order") {
  us::ParameterSet<float> params;
  const us::LSTM lstm(params, "encoder", {.input = 3, .hidden = 4, .layers = 2});
  const us::Linear linear(params, "head", {.input = 4, .output = 6});
  const us::Embedding embedding(params, "table", {.count = 5, .width = 3});
  const char* names[] = {"encoder.weight_ih_l0", "encoder.weight_hh_l0",
                         "encoder.bias_ih_l0",   "encoder.bias_hh_l0",
                         "encoder.weight_ih_l1", "encoder.weight_hh_l1",
                         "encoder.bias_ih_l1",   "encoder.bias_hh_l1",
                         "head.weight",          "head.bias",
                         "table.weight"};
  REQUIRE(params.size() == std::size(names));
  for (std::size_t i = 0; i < params.size(); ++i) CHECK(params.at(i).name() == names[i]);
  CHECK(params["encoder.weight_ih_l1"].shape() == us::Shape{16, 4});
  CHECK(params["head.weight"].shape() == us::Shape{6, 4});
  CHECK(params["table.weight"].shape() == us::Shape{5, 3});
}

TEST_CASE("bidirectional layers have PyTorch's parameter names, in its order, and twice the width") {
  us::ParameterSet<float> params;
  const us::GRU gru(params, "", {.input = 3, .hidden = 4, .layers = 2, .bidirectional = true});
  std::vector<std::string> names;
  for (const us::Parameter<float>& p : params) names.push_back(p.name());
  CHECK(names == std::vector<std::string>{"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0",
                                          "weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse",
                                          "bias_hh_l0_reverse", "weight_ih_l1", "weight_hh_l1", "bias_ih_l1",
                                          "bias_hh_l1", "weight_ih_l1_reverse", "weight_hh_l1_reverse",
                                          "bias_ih_l1_reverse", "bias_hh_l1_reverse"});
  CHECK(params["weight_ih_l1_reverse"].shape() == us::Shape{12, 8});
  us::Tape tape;
  const auto [ys, h] = gru(tape.zeros({5, 2, 3}));
  CHECK(ys.shape() == us::Shape{5, 2, 8});
  CHECK(h.shape() == us::Shape{4, 2, 4});
}

TEST_CASE("nodes of a layer carry its scope and their step, and the input projection is one product for all steps") {
  us::ParameterSet<double> params;
  const us::RNN rnn(params, "rnn", {.input = 2, .hidden = 3, .layers = 2});
  us::Tape<double> tape;
  const auto model = tape.scope("model");
  (void)rnn(tape.variable(random_tensor({5, 2, 2}, 1)));
  const us::detail::TapeCore& core = *tape.core();
  int projections = 0;
  std::vector<int> at_step(5);
  for (std::uint32_t i = 0; i < core.node_count(); ++i) {
    const us::detail::Node& node = core.node(i);
    const auto& context = core.labels().context(node.context);
    const std::string& path = core.labels().scope_path(context.scope);
    projections += std::string_view(node.rule->info.name) == "linear";
    if (std::string_view(node.rule->info.name) != "rnn_step") continue;
    CHECK((path == "model/rnn/l0" || path == "model/rnn/l1"));
    REQUIRE(context.step >= 0);
    ++at_step[static_cast<std::size_t>(context.step)];
  }
  CHECK(projections == 2);
  for (const int count : at_step) CHECK(count == 2);
}

TEST_CASE("dropout acts between layers while training, and not behind the last one") {
  us::ParameterSet<double> params(us::Seed{6});
  us::RNN deep(params, "deep", {.input = 2, .hidden = 8, .layers = 2, .dropout = 0.5});
  us::RNN flat(params, "flat", {.input = 2, .hidden = 8, .dropout = 0.5});
  const us::Tensor<double> x = random_tensor({3, 2, 2}, 1);
  const auto run = [&](us::RNN<double>& layer, std::uint64_t seed) {
    us::Tape<double> tape({.seed = seed});
    const us::Tensor<double> y = layer(tape.input(x)).outputs.tensor();
    return Values(y.values().begin(), y.values().end());
  };
  CHECK(run(deep, 1) != run(deep, 2));
  CHECK(run(deep, 1) == run(deep, 1));
  CHECK(run(flat, 1) == run(flat, 2));
  CHECK(deep.training());
  deep.set_training(false);
  CHECK(run(deep, 1) == run(deep, 2));
}

TEST_CASE("a warm training step of embedding, LSTM, linear head, clipping and Adam allocates nothing") {
  constexpr std::int64_t T = 8, B = 3;
  us::ParameterSet<> params(us::Seed{1});
  const us::Embedding embedding(params, "embedding", {.count = 11, .width = 4});
  const us::LSTM lstm(params, "lstm", {.input = 4, .hidden = 6, .layers = 2, .dropout = 0.1});
  const us::Linear head(params, "head", {.input = 6, .output = 11});
  us::Adam adam(params, {.lr = 0.01});
  std::vector<std::int32_t> ids, targets;
  for (std::int32_t i = 0; i < T * B; ++i) ids.push_back(i * 7 % 11), targets.push_back(i * 5 % 11);
  us::Tape tape;
  float first = 0, loss = 0;
  const auto step = [&] {
    tape.reset();
    params.zero_grad();
    const us::Var x = embedding(tape, ids, {T, B});
    const us::Var y = cross_entropy(head(lstm(x).outputs), targets);
    tape.backward(y);
    us::clip_grad_norm(params, 1);
    adam.step();
    loss = y.values()[0];
  };
  step();
  first = loss;
  for (int i = 0; i < 2; ++i) step();
  const std::int64_t before = us::test::allocation_count();
  for (int i = 0; i < 60; ++i) step();
  CHECK(us::test::allocation_count() - before == 0);
  CHECK(loss < 0.8f * first);
}

TEST_CASE("linear and embedding layers compute what their ops do") {
  us::ParameterSet<double> params(us::Seed{1});
  const us::Linear with(params, "with", {.input = 2, .output = 3, .bias_init = us::constant(7)});
  const us::Linear without(params, "without", {.input = 2, .output = 3, .bias = false, .weight_init = us::ones()});
  const us::Embedding table(params, "table", {.count = 3, .width = 2});
  us::Tape<double> tape;
  const us::Var x = tape.input({2, 2, 2}, Values{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(difference(without(x).values(), Values{3, 3, 3, 7, 7, 7, 11, 11, 11, 15, 15, 15}) == "");
  CHECK(difference(with(x).values(), (matmul(x, params["with.weight"], false, true) + 7.0).values()) == "");
  const us::Var rows = table(tape, {2, 0, 2, 1}, {2, 2});
  CHECK(rows.shape() == us::Shape{2, 2, 2});
  CHECK(difference(rows.values().first(2), params["table.weight"].values().last(2)) == "");
  UNSPOOL_CHECK_ERROR(table(tape, {3}), index_out_of_range, "3");
}

TEST_CASE("a wrong width, a wrong state and bad options are typed errors") {
  us::ParameterSet<double> params;
  const us::LSTM lstm(params, "l", {.input = 2, .hidden = 3, .layers = 2});
  us::Tape<double> tape;
  const us::Var x = tape.zeros({4, 1, 2}), state = tape.zeros({2, 1, 3});
  UNSPOOL_CHECK_ERROR(lstm(tape.zeros({4, 1, 3})), shape_mismatch,
                      "LSTM: x must be [T,B,2], time first; given [4,1,3]");
  UNSPOOL_CHECK_ERROR(lstm(tape.zeros({4, 2})), shape_mismatch, "given [4,2]");
  UNSPOOL_CHECK_ERROR(lstm(x, {state, tape.zeros({1, 3})}), shape_mismatch,
                      "the initial state must be [2,1,3]; given [1,3]");
  UNSPOOL_CHECK_ERROR(lstm(us::Var<double>()), stale_handle, "LSTM: the input was never recorded");
  UNSPOOL_CHECK_ERROR((us::GRU(params, "g", {.input = 2, .hidden = 3, .layers = 0})), bad_argument,
                      "GRU: layers must be above 0");
  UNSPOOL_CHECK_ERROR((us::RNN(params, "r", {.input = 2, .hidden = 3, .dropout = 1.5})), bad_argument,
                      "RNN: dropout must be in 0..1");
  UNSPOOL_CHECK_ERROR((us::Linear(params, "n", {.input = 2})), bad_argument, "Linear: input and output");
  UNSPOOL_CHECK_ERROR((us::Embedding(params, "e", {.width = 2})), bad_argument, "Embedding: count and width");
}

TEST_CASE("a sequence of no steps has no outputs and leaves the state as it was") {
  us::ParameterSet<double> params;
  const us::LSTM lstm(params, "l", {.input = 2, .hidden = 3, .layers = 2, .bidirectional = true});
  us::Tape<double> tape;
  const us::Var h = tape.input(random_tensor({4, 2, 3}, 1)), c = tape.input(random_tensor({4, 2, 3}, 2));
  const auto [ys, last] = lstm(tape.zeros({0, 2, 2}), {h, c});
  CHECK(ys.shape() == us::Shape{0, 2, 6});
  CHECK(difference(last.h.values(), h.values(), us::test::exact) == "");
  CHECK(difference(last.c.values(), c.values(), us::test::exact) == "");
  tape.backward(sum(ys) + sum(last.c));
  for (const double g : all_gradients(params)) CHECK(g == 0);
}

TEST_CASE("a batch of no rows passes through") {
  us::ParameterSet<double> params;
  const us::GRU gru(params, "g", {.input = 2, .hidden = 3});
  us::Tape<double> tape;
  const auto [ys, h] = gru(tape.zeros({4, 0, 2}));
  CHECK(ys.shape() == us::Shape{4, 0, 3});
  tape.backward(sum(ys));
  CHECK(difference(all_gradients(params), Values(9 * 2 + 9 * 3 + 18, 0.0)) == "");
}
