// Forests and tree LSTMs: against a recursion over one node at a time, against an LSTM on a chain, hostile trees.
#include "unspool/tree.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/by_hand.hpp"
#include "support/layers.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;
using Numbers = std::vector<std::int64_t>;

namespace {

constexpr std::int64_t I = 3, H = 4;

struct NodeState {
  Values h, c;
};

/// Tai's equations for one node, its children first. Only for small trees: this one recurses.
NodeState by_hand(const us::ParameterSet<double>& params, const us::Forest& forest, const us::Tensor<double>& x,
                  std::int64_t slots, std::int64_t node) {
  const auto W = params["tree.weight_ih"].values(), U = params["tree.weight_hh"].values(),
             F = params["tree.weight_fh"].values(), b = params["tree.bias"].values();
  std::vector<NodeState> children(static_cast<std::size_t>(slots), NodeState{Values(H, 0.0), Values(H, 0.0)});
  for (const std::int64_t child : forest.children(node)) {
    NodeState state = by_hand(params, forest, x, slots, child);
    if (slots > 0)
      children[static_cast<std::size_t>(forest.slot_of(child))] = std::move(state);
    else
      children.push_back(std::move(state));
  }
  Values sum(H, 0.0), side_by_side;
  for (const NodeState& child : children) {
    for (std::size_t j = 0; j < H; ++j) sum[j] += child.h[j];
    side_by_side.insert(side_by_side.end(), child.h.begin(), child.h.end());
  }
  const auto row = x.values().subspan(static_cast<std::size_t>(node * I), I);
  const Values in(row.begin(), row.end());
  const Values& seen = slots > 0 ? side_by_side : sum;
  const auto from_x = [&](std::int64_t k) { return row_times(W, k, in) + b[static_cast<std::size_t>(k)]; };
  NodeState out{Values(H), Values(H)};
  for (std::int64_t j = 0; j < H; ++j) {
    const double i = sigmoid_of(from_x(j) + row_times(U, j, seen));
    const double g = std::tanh(from_x(2 * H + j) + row_times(U, H + j, seen));
    const double o = sigmoid_of(from_x(3 * H + j) + row_times(U, 2 * H + j, seen));
    double c = i * g;
    for (std::size_t k = 0; k < children.size(); ++k) {
      const std::int64_t gate = slots > 0 ? static_cast<std::int64_t>(k) * H + j : j;
      const double f = sigmoid_of(from_x(H + j) + row_times(F, gate, slots > 0 ? side_by_side : children[k].h));
      c += f * children[k].c[static_cast<std::size_t>(j)];
    }
    out.c[static_cast<std::size_t>(j)] = c;
    out.h[static_cast<std::size_t>(j)] = o * std::tanh(c);
  }
  return out;
}

/// A forest without pattern: a parent is any node of a higher number, so there is no cycle.
Numbers random_parents(std::int64_t nodes, us::Random& random) {
  Numbers parents;
  for (std::int64_t i = 0; i < nodes; ++i)
    parents.push_back(
        random.uniform() < 0.1 || i + 1 == nodes ? -1 : i + 1 + random.below(std::min<std::int64_t>(nodes - i - 1, 6)));
  return parents;
}

std::int64_t most_children(const us::Forest& forest) {
  std::int64_t most = 1;
  for (std::int64_t i = 0; i < forest.size(); ++i) most = std::max<std::int64_t>(most, std::ssize(forest.children(i)));
  return most;
}

}  // namespace

TEST_CASE("levels of a forest: leaves first, every node above its children") {
  //     3        7
  //    / \       |
  //   0   6      5
  //      /|
  //     1 4          2 stands alone
  const us::Forest forest({3, 6, -1, -1, 6, 7, 3, -1});
  CHECK(forest.size() == 8);
  CHECK(forest.levels() == 3);
  CHECK(std::ranges::equal(forest.level(0), Numbers{0, 1, 2, 4, 5}));
  CHECK(std::ranges::equal(forest.level(1), Numbers{6, 7}));
  CHECK(std::ranges::equal(forest.level(2), Numbers{3}));
  CHECK(std::ranges::equal(forest.order(), Numbers{0, 1, 2, 4, 5, 6, 7, 3}));
  CHECK(std::ranges::equal(forest.roots(), Numbers{2, 3, 7}));
  CHECK(std::ranges::equal(forest.children(3), Numbers{0, 6}));
  CHECK(std::ranges::equal(forest.children(6), Numbers{1, 4}));
  CHECK(forest.children(2).empty());
  CHECK(forest.row_of(7) == 1);
  CHECK(forest.slot_of(4) == 1);
  const us::Forest placed({2, 2, -1}, {1, 0, 0});
  CHECK(std::ranges::equal(placed.children(2), Numbers{1, 0}));
  CHECK(us::Forest(Numbers{}).levels() == 0);
  UNSPOOL_CHECK_ERROR(us::Forest(Numbers{}).level(0), index_out_of_range, "level must be below 0");
  UNSPOOL_CHECK_ERROR(forest.children(8), index_out_of_range, "node must be below 8; given 8");
  UNSPOOL_CHECK_ERROR(forest.row_of(-1), index_out_of_range, "given -1");
}

TEST_CASE("a tree LSTM over random forests computes Tai's equations, sums and places alike") {
  us::Random random(us::Seed{5});
  for (int round = 0; round < 12; ++round) {
    const std::int64_t N = 1 + random.below(25);
    const us::Forest forest(random_parents(N, random));
    for (const std::int64_t slots : {std::int64_t{0}, most_children(forest)}) {
      us::ParameterSet<double> params(us::Seed{3});
      const us::TreeLSTM tree(params, "tree", {.input = I, .hidden = H, .children = slots});
      const us::Tensor<double> x = random_tensor({N, I}, random);
      us::Tape<double> tape;
      const auto [h, c] = tree(tape.input(x), forest);
      CHECK(h.shape() == us::Shape{N, H});
      for (std::int64_t i = 0; i < N; ++i) {
        const NodeState expected = by_hand(params, forest, x, slots, i);
        CHECK(difference(h.values().subspan(static_cast<std::size_t>(i * H), H), expected.h) == "");
        CHECK(difference(c.values().subspan(static_cast<std::size_t>(i * H), H), expected.c) == "");
      }
    }
  }
}

TEST_CASE("a place that stays empty is a child of zeros") {
  us::ParameterSet<double> params(us::Seed{3});
  const us::TreeLSTM tree(params, "tree", {.input = I, .hidden = H, .children = 3});
  const us::Forest forest({3, 3, -1, 4, -1}, {2, 0, 0, 1, 0});
  const us::Tensor<double> x = random_tensor({5, I}, 1);
  us::Tape<double> tape;
  const auto [h, c] = tree(tape.input(x), forest);
  for (std::int64_t i = 0; i < 5; ++i)
    CHECK(difference(h.values().subspan(static_cast<std::size_t>(i * H), H), by_hand(params, forest, x, 3, i).h) == "");
}

TEST_CASE("gradients of a tree LSTM are confirmed by numeric differences") {
  const us::Forest forest({3, 6, -1, -1, 6, 7, 3, -1});
  for (const std::int64_t slots : {0, 2}) {
    us::ParameterSet<double> params(us::Seed{3});
    const us::TreeLSTM lower(params, "lower", {.input = I, .hidden = H, .children = slots});
    const us::TreeLSTM upper(params, "upper", {.input = H, .hidden = 2, .forget_bias = 1});  // a stack of two
    const us::Tensor<double> x = random_tensor({8, I}, 1);
    us::check_gradients(
        [&](us::Tape<double>& tape, std::span<const Var> given) {
          const auto [h, c] = lower(given[0], forest);
          const auto [top, memory] = upper(h, forest);
          const Var roots = index_select(top, 0, forest.roots());
          return sum(roots * tape.input(random_tensor({3, 2}, 2))) + sum(c * tape.input(random_tensor({8, H}, 3))) +
                 sum(square(memory));
        },
        params, std::span(&x, 1));
  }
}

TEST_CASE("on a chain a tree LSTM is an LSTM") {
  constexpr std::int64_t T = 6;
  us::ParameterSet<double> params(us::Seed{3});
  const us::TreeLSTM tree(params, "tree", {.input = I, .hidden = H});
  const us::LSTM lstm(params, "lstm", {.input = I, .hidden = H, .init = {.bias = us::zeros()}});
  const auto copy = [&](std::string_view from, std::int64_t row, std::int64_t rows, std::string_view to,
                        std::int64_t to_row) {
    const std::int64_t width = params[from].size() / params[from].shape()[0];
    const auto source =
        params[from].values().subspan(static_cast<std::size_t>(row * width), static_cast<std::size_t>(rows * width));
    std::copy(source.begin(), source.end(), params[to].mutable_values().begin() + to_row * width);
  };
  copy("tree.weight_ih", 0, 4 * H, "lstm.weight_ih_l0", 0);
  copy("tree.bias", 0, 4 * H, "lstm.bias_ih_l0", 0);
  copy("tree.weight_hh", 0, H, "lstm.weight_hh_l0", 0);
  copy("tree.weight_fh", 0, H, "lstm.weight_hh_l0", H);
  copy("tree.weight_hh", H, 2 * H, "lstm.weight_hh_l0", 2 * H);
  us::Tape<double> tape;
  const Var x = tape.input(random_tensor({T, I}, 1));
  Numbers parents;
  for (std::int64_t t = 0; t < T; ++t) parents.push_back(t + 1 < T ? t + 1 : -1);
  const Var h = tree(x, us::Forest(parents)).h, ys = lstm(reshape(x, {T, 1, I})).outputs;
  CHECK(difference(h.values(), ys.values()) == "");
}

TEST_CASE("a tree in a forest has the bits that it has alone, whatever the numbering") {
  us::ParameterSet<float> params(us::Seed{3});
  const us::TreeLSTM<float> tree(params, "tree", {.input = I, .hidden = 17});
  const us::Tensor<float> x = random_tensor<float>({7, I}, 1);
  us::Tape<float> tape;
  const auto whole = tree(tape.input(x), us::Forest({4, 0, -1, 4, -1, 2, 2})).h;
  // Nodes 2, 5 and 6 alone, numbered from the root down.
  const us::Var<float> rows = index_select(tape.input(x), 0, {2, 5, 6});
  const auto alone = tree(rows, us::Forest({-1, 0, 0})).h;
  CHECK(difference(index_select(whole, 0, {2, 5, 6}).values(), alone.values(), us::test::exact) == "");
}

TEST_CASE("a weight gradient over all levels is one product, and a level one op") {
  us::ParameterSet<double> params(us::Seed{3});
  const us::TreeLSTM tree(params, "tree", {.input = I, .hidden = H});
  us::Tape<double> tape;
  Numbers parents(64, -1);
  for (std::size_t i = 0; i + 1 < 64; ++i) parents[i] = static_cast<std::int64_t>(32 + i / 2);  // a full binary tree
  const Var x = tape.ones({64, I});
  const std::int64_t before = tape.stats().nodes;
  const Var h = tree(x, us::Forest(parents)).h;
  CHECK(tape.stats().nodes - before < 40);
  tape.backward(sum(h));
  CHECK(tape.stats().deferred_flushes == 4);
}

TEST_CASE("hostile trees are rejected, and no node at all is a result") {
  UNSPOOL_CHECK_ERROR(us::Forest({1, 2, 0}), bad_argument, "no node may be above itself; node 0 is on a cycle");
  UNSPOOL_CHECK_ERROR(us::Forest({-1, 1}), bad_argument, "node 1 is on a cycle");
  UNSPOOL_CHECK_ERROR(us::Forest({1, 2, 1, 0}), bad_argument, "is on a cycle");  // 3 -> 0 -> 1 <-> 2
  UNSPOOL_CHECK_ERROR(us::Forest({3, -1, -1}), index_out_of_range,
                      "parents must be -1 or in 0..2; that of node 0 is 3");
  UNSPOOL_CHECK_ERROR(us::Forest({-1, -2}), index_out_of_range, "that of node 1 is -2");
  UNSPOOL_CHECK_ERROR(us::Forest({-1, 0}, {0}), shape_mismatch, "slots must be as many as nodes, 2; given 1");
  UNSPOOL_CHECK_ERROR(us::Forest({-1, 0, 0}, {0, 1, 1}), bad_argument, "nodes 1 and 2 are both child 1 of node 0");
  UNSPOOL_CHECK_ERROR(us::Forest({-1, 0}, {0, -1}), bad_argument, "slots must not be negative; that of node 1 is -1");
  us::ParameterSet<double> params;
  UNSPOOL_CHECK_ERROR((us::TreeLSTM(params, "a", {.input = 0, .hidden = 2})), bad_argument, "given 0 and 2 for \"a\"");
  UNSPOOL_CHECK_ERROR((us::TreeLSTM(params, "b", {.input = 2, .hidden = 2, .children = -1})), bad_argument,
                      "children must be in 0..1024; given -1");
  CHECK(params.size() == 0);
  const us::TreeLSTM two(params, "two", {.input = 2, .hidden = 3, .children = 2});
  us::Tape<double> tape;
  UNSPOOL_CHECK_ERROR(two(tape.ones({4, 2}), us::Forest({3, 3, 3, -1})), bad_argument,
                      "\"two\" has weights for 2 children; node 2 is child number 2 of node 3");
  UNSPOOL_CHECK_ERROR(two(tape.ones({3, 2}), us::Forest({-1, -1})), shape_mismatch, "x must be [2,2]");
  CHECK(two(tape.ones({0, 2}), us::Forest(Numbers{})).h.shape() == us::Shape{0, 3});
}
