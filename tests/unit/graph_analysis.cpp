// Questions about graphs: totals, gradients over time, differences, queries, parts, other programs' formats.
#include "unspool/graph_analysis.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "graph_support.hpp"
#include "support/caught.hpp"
#include "tape/graph_request.hpp"

namespace us = unspool;
using us::test::count_of;
using us::test::Rnn;

namespace {

// A state that shrinks or grows by `factor` a step.
us::Graph scaled_chain(double factor, int steps) {
  us::Tape<double> tape({.keep_gradient_norms = true});
  us::Var<double> h = tape.variable({3}, std::vector<double>{1, 2, 3});
  for (int t = 0; t < steps; ++t) {
    const auto step = tape.step(t);
    h = h * factor;
  }
  tape.backward(sum(h));
  return us::capture(tape);
}

std::vector<std::string> lines_of(const us::Graph& a, const us::Graph& b) { return us::graph_diff(a, b); }

}  // namespace

TEST_CASE("a summary counts nodes, steps, flops and the period") {
  const us::Graph graph = Rnn(50).graph();
  const us::GraphSummary s = us::summarize(graph);
  CHECK(s.nodes == 9 * 50 + 2 + 3);
  CHECK(s.steps == 50);
  CHECK(s.period == 9);
  CHECK(s.repetitions == 49);
  CHECK(s.parameters == 3);
  CHECK(s.parameter_values == 4 * 3 + 3 * 3 + 3);
  CHECK(s.longest_path == 4 * 50 + 3);  // product, two sums, tanh a step; then square, sum, the last loss
  CHECK(s.arena_bytes > s.value_bytes / 2);
}

TEST_CASE("decay a step is fitted, and called by its name") {
  const us::GradientReport shrinking = us::gradient_report(scaled_chain(0.5, 40));
  REQUIRE(shrinking.courses.size() == 1);
  CHECK(shrinking.courses[0].decay == doctest::Approx(0.5).epsilon(1e-9));
  CHECK(shrinking.verdict == us::GradientVerdict::vanishing);
  CHECK(us::gradient_report(scaled_chain(2, 40)).verdict == us::GradientVerdict::exploding);
  CHECK(us::gradient_report(scaled_chain(1.01, 40)).verdict == us::GradientVerdict::steady);
  CHECK(us::gradient_report(scaled_chain(0.5, 2)).verdict == us::GradientVerdict::unknown);
  CHECK(us::gradient_report(Rnn(5).graph()).verdict == us::GradientVerdict::unknown);
}

TEST_CASE("the first NaN is found where it was made, with what went in") {
  us::Tape<double> tape({.keep_gradient_norms = true});
  us::Var<double> h = tape.variable({2}, std::vector<double>{1, 0.25});
  us::Var<double> bad;
  for (int t = 0; t < 6; ++t) {
    const auto step = tape.step(t);
    if (t == 3) bad = h = log(h - 0.5);
    h = h * 0.5;
  }
  tape.backward(sum(h));
  const us::GradientReport report = us::gradient_report(us::capture(tape));
  CHECK(report.verdict == us::GradientVerdict::nonfinite);
  REQUIRE(report.first.found);
  CHECK_FALSE(report.first.backward);
  CHECK(report.first.node == bad.index());
  CHECK(report.first.explanation.find("to -0.375") != std::string::npos);
}

TEST_CASE("a gradient that is not finite where every value is, is found in the walk's order") {
  us::Tape<double> tape({.keep_gradient_norms = true});
  const us::Var<double> x = tape.variable({1}, std::vector<double>{0});
  const us::Var<double> root = sqrt(x);  // slope infinite at 0
  tape.backward(sum(root * 2.0));
  const us::GradientReport report = us::gradient_report(us::capture(tape));
  REQUIRE(report.first.found);
  CHECK(report.first.backward);
  CHECK(report.first.node == x.index());
}

TEST_CASE("a graph differs in nothing from itself, over random recordings") {
  for (std::uint64_t round = 0; round < 200; ++round) {
    us::test::Dice dice(round);
    const us::Graph graph = us::test::random_graph(dice, round % 2 == 0);
    CHECK(lines_of(graph, graph).empty());
  }
}

TEST_CASE("a difference names what is more, what is less and what changed") {
  const us::Graph ten = Rnn(10).graph(), eleven = Rnn(11).graph();
  const std::vector<std::string> more = lines_of(ten, eleven);
  CHECK(more.size() == 9);
  for (const std::string& line : more) {
    CHECK(line.starts_with("+ "));
    CHECK(line.find("t=10") != std::string::npos);
  }
  CHECK(lines_of(eleven, ten).front().starts_with("- "));

  us::Graph other = ten;
  other.nodes[12].gradient_norm = 3;
  REQUIRE(lines_of(ten, other).size() == 1);
  CHECK(lines_of(ten, other)[0].find("gradient norm not known and 3") != std::string::npos);
  CHECK(us::graph_diff(ten, other, {.norms = false}).empty());
  other = ten;
  std::swap(other.inputs[other.nodes[7].first_input], other.inputs[other.nodes[7].first_input + 1]);
  REQUIRE(lines_of(ten, other).size() == 1);
  CHECK(lines_of(ten, other)[0].find("operands") != std::string::npos);
}

TEST_CASE("a node in the middle is one difference and not the rest of the graph") {
  const auto record = [](bool extra) {
    us::Tape<double> tape;
    us::Var<double> v = tape.variable({2}, std::vector<double>{1, 2});
    for (int i = 0; i < 30; ++i) {
      v = i % 2 == 0 ? tanh(v) : exp(v);
      if (extra && i == 14) v = relu(v);
    }
    return us::capture(tape);
  };
  const std::vector<std::string> lines = lines_of(record(false), record(true));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("+ "));
  CHECK(lines[0].find("relu") != std::string::npos);
  CHECK(lines[1].find("operands") != std::string::npos);
}

TEST_CASE("a query selects by op, step, parameter, scope, shape and number") {
  const us::Graph graph = Rnn(6).graph();
  const auto count = [&](std::string_view q) { return us::query_graph(graph, q).size(); };
  CHECK(count("op=matmul") == 12);
  CHECK(count("op=matmul & t=3") == 2);
  CHECK(count("op=matmul & t=3 & param=Wh") == 1);
  CHECK(count("op=matmul t=3 param=W*") == 2);
  CHECK(count("t=2:4 & op=tanh") == 3);
  CHECK(count("op=tanh | op=input") == 12);
  CHECK(count("op=tanh & !(t<2 | t>=4)") == 2);
  CHECK(count("scope~^r.n$ & op=tanh") == 6);
  CHECK(count("shape=[2,3] & op=tanh") == 6);
  CHECK(count("shape=2x3 & op!=tanh & op!=add & op!=matmul & op!=mul") == 1);  // the initial state
  CHECK(count("bytes>=48 & op=tanh") == 6);
  CHECK(count("bytes>1k") == 0);
  CHECK(count("grad<1e9") == 0);  // not known is no number
  CHECK(count("%0") == 1);
  CHECK(count("TANH") == 6);
  CHECK(count("/^ta.h$/") == 6);
  CHECK(count("role=state") == 6);
}

TEST_CASE("a query that cannot be read is refused with the place") {
  const us::Graph graph = Rnn(1).graph();
  for (const char* const query : {"", "op=", "(op=tanh", "op=tanh)", "t=x", "colour=red", "op<3", "\"open", "/open",
                                  "!", "op=tanh &", "scope~(", "t~3"}) {
    CAPTURE(std::string(query));
    const us::Error error = us::test::error_from([&] { us::query_graph(graph, query); });
    CHECK(error.code() == us::ErrorCode::bad_argument);
  }
  CHECK(us::test::error_from([&] { us::query_graph(graph, std::string(5000, '(')); }).code() ==
        us::ErrorCode::bad_argument);
  CHECK(us::test::error_from([&] { us::query_graph(graph, std::string(5000, '!') + "tanh"); }).code() ==
        us::ErrorCode::bad_argument);
}

TEST_CASE("steps are chosen as slices are") {
  const std::vector<std::int64_t> steps = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const auto chosen = [&](const char* text) {
    std::string digits;
    const std::vector<std::uint8_t> flags = us::select_steps(steps, text);
    for (std::size_t k = 0; k < flags.size(); ++k)
      if (flags[k] != 0) digits += static_cast<char>('0' + k);
    return digits;
  };
  CHECK(chosen("") == "0123456789");
  CHECK(chosen("0:3,-2:") == "01289");
  CHECK(chosen("4") == "4");
  CHECK(chosen("-1") == "9");
  CHECK(chosen(":2") == "01");
  CHECK(chosen("8:100") == "89");
  CHECK(chosen("5:2") == "");
  for (const char* const text : {"a", "1:b", "1,,2", ":1:", "1.5"})
    CHECK(us::test::error_from([&] { us::select_steps(steps, text); }).code() == us::ErrorCode::bad_argument);
}

TEST_CASE("a part by scope or step is a graph that verifies and draws") {
  us::Graph graph = Rnn(8).graph();
  const us::Graph rnn = us::select_scope(graph, "^rnn$");
  CHECK(rnn.nodes.size() == 8 * 9 + 3);
  CHECK(us::select_scope(graph, "nowhere").nodes.empty());
  const us::Graph few = us::keep_steps(graph, "2:4");
  CHECK(few.nodes.size() == 2 * 9 + 2 + 3);
  CHECK(us::parse_graph(us::graph_json(few)).nodes.size() == few.nodes.size());
  CHECK(us::graph_svg(graph, {.scope = "^rnn$"}).find("tanh") != std::string::npos);
  CHECK(us::test::error_from([&] { us::select_scope(graph, "("); }).code() == us::ErrorCode::bad_argument);
}

TEST_CASE("a graph without steps gets those of its period") {
  us::Graph graph = Rnn(12).graph();
  for (us::GraphNode& n : graph.nodes) n.step = -1;
  const us::Graph found = us::with_found_steps(graph);
  std::int64_t last = -1;
  for (const us::GraphNode& n : found.nodes) last = std::max(last, n.step);
  CHECK(last >= 10);
  CHECK(count_of(us::graph_svg(graph), ">t = ") >= 5);
}

TEST_CASE("exports hold every node and edge, and escape what they must") {
  us::ParameterSet<> params;
  us::Tape<> tape;
  const auto scope = tape.scope(us::test::hostile_name());
  const us::Var y = tanh(tape.zeros({2}) + params.add(us::test::hostile_name(), {2}, us::ones()));
  const us::Graph graph = us::capture(tape);
  const std::string graphml = us::graph_graphml(graph), trace = us::graph_perfetto(graph),
                    explorer = us::graph_model_explorer(graph);
  CHECK(count_of(graphml, "<node ") == 4);
  CHECK(count_of(graphml, "<edge ") == 3);
  CHECK(count_of(graphml, "<script") == 0);
  CHECK(count_of(trace, "\"ph\":\"X\"") == 2);
  CHECK(count_of(trace, "\"ph\":\"C\"") == 4);
  CHECK(count_of(explorer, "\"namespace\"") == 4);
  CHECK(count_of(explorer, "\"sourceNodeId\"") == 3);
  CHECK(count_of(trace, "</script") == 0);
  CHECK(y.size() == 2);
}

TEST_CASE("UNSPOOL_GRAPH is a path and the number of a walk") {
  using us::detail::parse_graph_request;
  CHECK(parse_graph_request("a.json").path == "a.json");
  CHECK(parse_graph_request("a.json").step == 1);
  CHECK(parse_graph_request("a:b.json:step=12").path == "a:b.json");
  CHECK(parse_graph_request("a:b.json:step=12").step == 12);
  for (const char* const text : {":step=1", "a:step=0", "a:step=-1", "a:step=x", "a:step="})
    CHECK(us::test::error_from([&] { parse_graph_request(text); }).code() == us::ErrorCode::bad_argument);
}
