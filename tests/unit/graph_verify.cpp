// Verification, the ledger, and files.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>

#include "graph_support.hpp"
#include "safetensors_support.hpp"
#include "support/caught.hpp"
#include "unspool/extend.hpp"

namespace us = unspool;
using us::test::Rnn;

namespace {

std::uint32_t find(const us::Graph& graph, const std::string& op) {
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.op_name(graph.nodes[i]) == op) return i;
  return 0;
}

// An op that the library does not know.
struct Halve {
  static us::Shape infer(const us::InferArgs& a) { return a.shape(0); }
  template <class T>
  static void forward(const us::ForwardArgs<T>& a) {
    us::map(a.x(0), a.y(), [](T x) { return x / 2; });
  }
};
constinit const us::OpRule halve_rule = us::make_rule<Halve>({.name = "halve_of_a_user"});

}  // namespace

TEST_CASE("a captured graph passes its own rules, also with ops of the user's own") {
  us::verify(Rnn(3).graph());
  us::Tape<> tape;
  const us::Var x = tape.input({3}, std::vector<float>(3, 1.0f));
  us::record<float>(halve_rule, {x});
  us::Graph graph = us::capture(tape);
  us::verify(graph);
  graph.extents[graph.nodes[1].first_extent] = 7;  // nobody can tell
  us::verify(graph);
}

TEST_CASE("verification names the node that is wrong") {
  const us::Graph good = Rnn(2).graph();
  const auto broken = [&](const std::function<void(us::Graph&)>& edit) {
    us::Graph graph = good;
    edit(graph);
    return graph;
  };
  const std::uint32_t tanh = find(good, "tanh");
  const std::uint32_t product = find(good, "matmul");
  const auto input_of = [&](us::Graph& g, std::uint32_t i) -> std::uint32_t& {
    return g.inputs[g.nodes[i].first_input];
  };

  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { input_of(g, tanh) = tanh; })), verify_failed,
                      "inputs must precede");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { g.extents[g.nodes[tanh].first_extent] = 9; })),
                      verify_failed, "the rule infers [2,3]; the shape is [9,3]");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { input_of(g, product) = 1; })), verify_failed,
                      "the rule rejects it: matmul");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { g.nodes[product].input_count = 1; })), verify_failed,
                      "needs 2 operands; given 1");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { g.nodes[product].attr_count = 1; })), verify_failed,
                      "needs 2 attributes; given 1");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { g.nodes[tanh].op = 1000; })), verify_failed, "the op");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { g.nodes[tanh].first_input = ~std::uint64_t{0}; })),
                      verify_failed, "must lie in their tables");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { g.nodes[tanh].rank = 200; })), verify_failed, "at %");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { g.extents[g.nodes[tanh].first_extent] = -1; })),
                      verify_failed, "negative");
  UNSPOOL_CHECK_ERROR(us::verify(broken([&](us::Graph& g) { g.parameters[0].node = 5000; })), verify_failed, "Wx");
}

TEST_CASE("the ledger is the norm of the gradient that arrives at each step's state") {
  Rnn rnn(6, {.keep_gradient_norms = true});
  for (const auto& h : rnn.h) rnn.tape.keep_grad(h);
  rnn.tape.backward(rnn.loss);
  const std::vector<us::StepGradient> ledger = us::gradient_by_step(rnn.graph());
  REQUIRE(ledger.size() == 6);
  for (int t = 0; t < 6; ++t) {
    double sum = 0;
    for (const double g : rnn.h[t + 1].grad()) sum += g * g;
    CHECK(ledger[t].step == t);
    CHECK(ledger[t].nodes == 1);
    CHECK(ledger[t].norm == doctest::Approx(std::sqrt(sum)).epsilon(1e-12));
  }
}

TEST_CASE("the ledger selects by op and by scope") {
  Rnn rnn(4, {.keep_gradient_norms = true});
  rnn.tape.backward(rnn.loss);
  const us::Graph graph = rnn.graph();
  const auto all = us::gradient_by_step(graph, {.op = "matmul", .carried = false});
  REQUIRE(all.size() == 4);
  CHECK(all[0].nodes == 2);
  double sum = 0;
  for (const us::GraphNode& n : graph.nodes)
    if (graph.op_name(n) == "matmul" && n.step == 2) sum += n.gradient_norm * n.gradient_norm;
  CHECK(all[2].norm == doctest::Approx(std::sqrt(sum)).epsilon(1e-12));
  CHECK(us::gradient_by_step(graph, {.scope = "rnn"}).size() == 4);
  CHECK(us::gradient_by_step(graph, {.scope = "rn"}).empty());  // a scope, not a beginning of a name
  CHECK(us::gradient_by_step(Rnn(4).graph()).empty());          // no backward, no norms
}

TEST_CASE("a graph is written in the format of the path's extension") {
  const us::test::TemporaryFolder folder;
  const Rnn rnn(2);
  const us::Graph graph = rnn.graph();
  const auto written = [&](const std::string& name, us::GraphFormat format = us::GraphFormat::by_extension) {
    us::write_graph(rnn.tape, folder / name, format);
    std::ifstream file(folder / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  CHECK(written("a.txt") == us::graph_text(graph));
  CHECK(written("a.json") == us::graph_json(graph));
  CHECK(written("a.b.dot") == us::graph_dot(graph));
  CHECK(written("a.svg") == us::graph_svg(graph));
  CHECK(written("plain", us::GraphFormat::json) == us::graph_json(graph));
  CHECK(folder.names().size() == 5);
}

TEST_CASE("an unknown extension is refused with the known ones, and nothing is written") {
  const us::test::TemporaryFolder folder;
  const us::Graph graph = Rnn(1).graph();
  for (const char* name : {"graph.png", "graph", "folder.svg/graph", ".", "graph.SVG"})
    UNSPOOL_CHECK_ERROR(us::write_graph(graph, folder / name), bad_argument, ".txt, .json, .dot, .svg or .html");
  CHECK(folder.names().empty());
  UNSPOOL_CHECK_ERROR(us::write_graph(graph, folder / "none/graph.svg"), file_write, "none/graph.svg");
  UNSPOOL_CHECK_ERROR(us::graph_svg(graph, {.first_steps = -1}), bad_argument, "first_steps");
}
