// Folding: repetitions are found, stored once, and can always be undone.
#include <doctest/doctest.h>

#include "dump/folding.hpp"
#include "graph_support.hpp"

namespace us = unspool;
using us::detail::fold;
using us::detail::FoldedGraph;
using us::detail::Segment;
using us::detail::unfold;
using us::test::Dice;
using us::test::difference;
using us::test::Rnn;

namespace {

const Segment& longest(const FoldedGraph& folded) {
  const Segment* best = &folded.segments.front();
  for (const Segment& s : folded.segments)
    if (s.count * s.rows() > best->count * best->rows()) best = &s;
  return *best;
}

std::size_t rows_of(const FoldedGraph& folded) {
  std::size_t rows = 0;
  for (const Segment& s : folded.segments) rows += s.rows();
  return rows;
}

}  // namespace

TEST_CASE("unfold(fold(g)) is g, over random recordings") {
  for (std::uint64_t round = 0; round < 2000; ++round) {
    Dice dice(round);
    const us::Graph graph = us::test::random_graph(dice, round % 2 == 0);
    CAPTURE(round);
    REQUIRE(difference(unfold(fold(graph)), graph) == "");
  }
}

TEST_CASE("an unrolled network is stored in as many rows whatever its length") {
  const FoldedGraph short_one = fold(Rnn(20).graph());
  const FoldedGraph long_one = fold(Rnn(2000).graph());
  CHECK(rows_of(short_one) == rows_of(long_one));
  CHECK(longest(long_one).count == 1999);  // the first step also makes the parameters' leaves
  CHECK(longest(long_one).rows() == 9);
  CHECK(difference(unfold(long_one), Rnn(2000).graph()) == "");
}

TEST_CASE("after backward the walk folds with its steps") {
  Rnn rnn(500, {.keep_gradient_norms = true});
  rnn.tape.backward(rnn.loss);
  const us::Graph graph = rnn.graph();
  const FoldedGraph folded = fold(graph);
  CHECK(longest(folded).count == 499);
  CHECK(longest(folded).exceptions.size() < 40);
  CHECK(difference(unfold(folded), graph) == "");
}

TEST_CASE("without steps the period is that of a shared parameter's uses") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {3, 3}, us::orthogonal());
  us::Tape<double> tape;
  us::Var<double> h = tape.zeros({1, 3});
  for (int t = 0; t < 50; ++t) {
    const us::Var<double> x = tape.input({1, 3}, std::vector<double>{1, 2, static_cast<double>(t)});
    h = tanh(matmul(h, w) + x);
  }
  const FoldedGraph folded = fold(us::capture(tape));
  CHECK(longest(folded).rows() == 4);
  CHECK(longest(folded).count >= 48);
}

TEST_CASE("a step that is put together differently ends a run, whatever it is called") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {3, 3}, us::orthogonal());
  us::Tape<double> tape;
  us::Var<double> h = tape.zeros({1, 3}), before = h;
  for (int t = 0; t < 40; ++t) {
    const auto scope = tape.scope("step_" + std::to_string(t));
    const auto step = tape.step(t);
    const us::Var<double> now = h;
    // From step 20 on the same ops read the state before the last.
    h = tanh(matmul(t < 20 ? h : before, w));
    before = now;
  }
  const FoldedGraph folded = fold(us::capture(tape));
  CHECK(folded.segments.size() >= 3);
  CHECK(longest(folded).count == 20);  // scopes of another name do not part what is equal
}

TEST_CASE("what differs in a few repetitions is an exception, and runs of exceptions are one") {
  us::Graph graph = Rnn(100).graph();
  for (us::GraphNode& n : graph.nodes) {
    if (n.step == 17) n.line = 4711;
    if (n.step >= 40 && n.step < 60 && graph.op_name(n) == "tanh") n.flops = 1000 + 3 * n.step;
  }
  graph.memory.clear();  // the end of an arena chunk would be another
  const FoldedGraph folded = fold(graph);
  const Segment& s = longest(folded);
  CHECK(s.count == 99);
  CHECK(s.exceptions.size() == 9 + 1);
  CHECK(difference(unfold(folded), graph) == "");
}

TEST_CASE("words beyond what a double holds fold and unfold") {
  us::Tape<double> tape;
  us::Var<double> v = tape.variable({4}, std::vector<double>{1, 2, 3, 4});
  for (int t = 0; t < 30; ++t) {
    const auto step = tape.step(t);
    v = v * (1.0 + 1.0 / (t + 3));        // a real of other bits every step
    v = v + sum(us::slice(v, 0, t % 4));  // the end is INT64_MAX
  }
  const us::Graph graph = us::capture(tape);
  CHECK(difference(unfold(fold(graph)), graph) == "");
}

TEST_CASE("a graph made to look periodic everywhere is folded in linear work") {
  // All nodes alike, operands random: every period looks right until operands are compared.
  us::Graph graph;
  graph.texts = {""};
  graph.ops = {{"add", ""}};
  Dice dice(7);
  constexpr std::uint32_t count = 200'000;
  for (std::uint32_t i = 0; i < count; ++i) {
    us::GraphNode n;
    n.first_input = graph.inputs.size();
    n.input_count = i == 0 ? 0 : 1;
    if (i > 0) graph.inputs.push_back(static_cast<std::uint32_t>(dice.below(i)));
    graph.nodes.push_back(n);
  }
  const FoldedGraph folded = fold(graph);
  CHECK(folded.nodes == count);
  CHECK(unfold(folded).inputs == graph.inputs);
}
