// Capture and the text and JSON forms.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "base/utf8.hpp"
#include "graph_support.hpp"

namespace us = unspool;
using us::test::count_of;
using us::test::Rnn;

namespace {

double norm(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("a captured node knows its op, operands, shape, step, scope, place, bytes and flops") {
  const Rnn rnn(2);
  const us::Graph graph = rnn.graph();
  CHECK(graph.nodes.size() == static_cast<std::size_t>(rnn.tape.stats().nodes));
  const us::GraphNode& n = graph.nodes[rnn.h[2].index()];
  CHECK(graph.op_name(n) == "tanh");
  REQUIRE(n.input_count == 1);
  CHECK(graph.op_name(graph.nodes[graph.inputs_of(n)[0]]) == "add");
  CHECK(us::Shape(graph.extents_of(n)) == us::Shape{2, 3});
  CHECK(n.step == 1);
  CHECK(graph.scope_of(n) == "rnn");
  CHECK(graph.file_of(n) == "graph_support.hpp");
  CHECK(n.line > 0);
  CHECK(n.value_bytes == 2 * 3 * 8);
  CHECK(n.flops == 6);
  CHECK(n.has(us::GraphNode::needs_grad));
  CHECK_FALSE(n.has(us::GraphNode::view));
  CHECK(n.gradient_norm < 0);
  std::int64_t matmul_flops = 0;
  for (const us::GraphNode& m : graph.nodes)
    if (graph.op_name(m) == "matmul") matmul_flops += m.flops;
  CHECK(matmul_flops == 2 * (2 * 2 * 3 * 4 + 2 * 2 * 3 * 3));
}

TEST_CASE("a parameter is captured once however many steps read it, and belongs to none") {
  const Rnn rnn(5);
  const us::Graph graph = rnn.graph();
  REQUIRE(graph.parameters.size() == 3);
  for (const us::GraphParameter& p : graph.parameters) {
    const us::GraphNode& leaf = graph.nodes[p.node];
    CHECK(leaf.has(us::GraphNode::parameter));
    CHECK(graph.parameters[leaf.parameter_index].name == p.name);
    CHECK(leaf.step == -1);
  }
  CHECK(graph.parameters[0].name == "Wx");
}

TEST_CASE("a view has no bytes of its own, and what a rule keeps is counted beside the value") {
  us::Tape<> tape;
  const us::Var x = tape.variable({2, 3}, std::vector<float>(6, 1.0f));
  const us::Var y = reshape(x, {3, 2});
  const us::Graph graph = us::capture(tape);
  CHECK(graph.nodes[y.index()].has(us::GraphNode::view));
  CHECK(graph.nodes[y.index()].value_bytes == 0);
  CHECK(graph.nodes[x.index()].value_bytes == 24);
}

TEST_CASE("captured gradient norms are those of the gradients") {
  Rnn rnn(4, {.keep_gradient_norms = true});
  for (const auto& h : rnn.h) rnn.tape.keep_grad(h);
  const us::Var late = rnn.tape.variable({1}, std::vector<double>{1});
  rnn.tape.backward(rnn.loss);
  const us::Graph graph = rnn.graph();
  for (int t = 1; t <= 4; ++t)
    CHECK(graph.nodes[rnn.h[t].index()].gradient_norm == doctest::Approx(norm(rnn.h[t].grad())).epsilon(1e-12));
  CHECK(graph.parameters[1].name == "Wh");
  CHECK(graph.parameters[1].gradient_norm == doctest::Approx(norm(rnn.Wh.grad())).epsilon(1e-12));
  CHECK(graph.nodes[late.index()].gradient_norm == 0);     // the loss does not depend on it
  CHECK(graph.nodes[rnn.h[0].index()].gradient_norm < 0);  // a constant has none
}

TEST_CASE("a graph outlives its tape") {
  us::Graph graph;
  {
    const Rnn rnn(2);
    graph = rnn.graph();
  }
  CHECK(count_of(us::graph_text(graph), "= tanh(") == 2);
}

TEST_CASE("text has parameters first and then a node a line") {
  const Rnn rnn(2);
  const std::string text = us::graph_text(rnn.graph());
  CHECK(count_of(text, "\n") == static_cast<std::size_t>(rnn.tape.stats().nodes) + 1);
  CHECK(text.find("parameter b") < text.find("constant()"));
  CHECK(text.find(":[2,3] = matmul(%0, Wh)") != std::string::npos);
  CHECK(text.find("  t=1 rnn  graph_support.hpp:") != std::string::npos);
}

TEST_CASE("attributes are shown by name, a long list with its length, what is false not at all") {
  us::Tape<> tape;
  const us::Var x = tape.input({2, 3}, std::vector<float>(6, 1.0f));
  const us::Var kept = sum(x, 1, true);
  const us::Var lost = sum(x, 1);
  const us::Var many = index_select(x, 0, std::vector<std::int64_t>(40, 1));
  const us::Graph graph = us::capture(tape);
  const auto text = [&](const us::Var<>& v) { return us::attrs_text(graph, graph.nodes[v.index()]); };
  CHECK(text(kept).find("keepdims=true") != std::string::npos);
  CHECK(text(lost).find("keepdims") == std::string::npos);
  CHECK(text(many).find("[1,1,1,1,1,1,... 40 in all]") != std::string::npos);
  CHECK(us::attrs_text(us::parse_graph(us::graph_json(graph)), graph.nodes[kept.index()]) == text(kept));
}

TEST_CASE("parameters that share a name are told apart by number") {
  us::ParameterSet<> first, second;
  us::Tape<> tape;
  const us::Var y = tape.zeros({2}) + first.add("w", {2}, us::ones()) + second.add("w", {2}, us::ones());
  const std::string text = us::graph_text(us::capture(tape));
  CHECK(text.find("add(%0, %1)") != std::string::npos);
  CHECK(text.find("parameter w") != std::string::npos);
  CHECK(y.size() == 2);
}

TEST_CASE("hostile names keep text on its lines and JSON and text valid UTF-8") {
  us::ParameterSet<> params;
  us::Tape<> tape;
  const auto scope = tape.scope(us::test::hostile_name());
  const us::Var y = tape.zeros({2}) + params.add(us::test::hostile_name(), {2}, us::ones());
  const us::Graph graph = us::capture(tape);
  const std::string text = us::graph_text(graph);
  CHECK(count_of(text, "\n") == graph.nodes.size() + 1);
  CHECK(us::detail::is_utf8(text));
  const std::string json = us::graph_json(graph);
  CHECK(us::detail::is_utf8(json));
  CHECK(count_of(json, "<") == 0);
  CHECK(count_of(json, "\\u0000") >= 2);
  CHECK(y.size() == 2);
}

TEST_CASE("numbers that JSON cannot hold are strings, and what is not known is null") {
  us::Graph graph = Rnn(1).graph();
  CHECK(count_of(us::graph_json(graph), "\"gradient_norm\":null") == graph.parameters.size());
  graph.parameters[0].gradient_norm = std::numeric_limits<double>::infinity();
  graph.parameters[1].gradient_norm = -std::numeric_limits<double>::quiet_NaN();
  graph.nodes[3].gradient_norm = -std::numeric_limits<double>::quiet_NaN();
  const std::string json = us::graph_json(graph);
  CHECK(count_of(json, "\"gradient_norm\":\"inf\"") == 1);
  CHECK(count_of(json, "\"gradient_norm\":\"nan\"") == 1);
  CHECK(count_of(us::graph_text(graph), "grad=nan") == 1);
}

TEST_CASE("an empty tape is a graph that every writer takes") {
  const us::Graph graph = us::capture(us::Tape<>());
  CHECK(graph.nodes.empty());
  us::verify(graph);
  CHECK(count_of(us::graph_text(graph), "\n") == 1);
  CHECK(us::graph_json(graph).find("\"segments\": [\n]") != std::string::npos);
  CHECK(us::graph_dot(graph).find("digraph") == 0);
  CHECK(us::graph_svg(graph).find("</svg>") != std::string::npos);
}
