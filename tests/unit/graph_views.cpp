// The views as pictures: well-formed whatever the graph, and each shows what it is for.
#include <doctest/doctest.h>

#include "dump/views/gradient_rows.hpp"
#include "dump/views/modules.hpp"
#include "dump/views/one_step.hpp"
#include "graph_support.hpp"
#include "unspool/cells.hpp"
#include "unspool/graph_analysis.hpp"

namespace us = unspool;
using us::test::count_of;
using us::test::Rnn;

namespace {

constexpr us::GraphView views[] = {us::GraphView::unrolled, us::GraphView::folded,   us::GraphView::modules,
                                   us::GraphView::memory,   us::GraphView::gradient, us::GraphView::parameter};

bool balanced(const std::string& svg) {
  for (const char* const name : {"svg", "g", "title", "text", "style", "marker"})
    if (count_of(svg, std::string("</") + name + ">") !=
        count_of(svg, std::string("<") + name + " ") + count_of(svg, std::string("<") + name + ">"))
      return false;
  for (std::size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const std::string tag = svg.substr(at, svg.find('>', at) - at);  // letters may say "nan", coordinates not
    if (tag.find("nan") != std::string::npos || tag.find("inf") != std::string::npos) return false;
  }
  return svg.starts_with("<svg ") && svg.ends_with("</svg>\n");
}

us::Graph walked(int steps) {
  Rnn rnn(steps, {.keep_gradient_norms = true});
  rnn.tape.backward(rnn.loss);
  return rnn.graph();
}

// Two LSTM layers of elementary ops, walked.
us::Graph composed_lstm(int steps) {
  us::ParameterSet<double> params;
  us::Tape<double> tape({.keep_gradient_norms = true});
  const us::LSTMCell<double> a(params, "l0", {.input = 2, .hidden = 3, .fused = false});
  const us::LSTMCell<double> b(params, "l1", {.input = 3, .hidden = 3, .fused = false});
  us::LSTMState<double> s = a.zero_state(tape, 1), r = b.zero_state(tape, 1);
  for (int t = 0; t < steps; ++t) {
    const auto step = tape.step(t);
    s = a(tape.input({1, 2}, std::vector<double>{0.1 * t, 1}), s);
    r = b(s.h, r);
  }
  tape.backward(sum(r.h * r.h));
  return us::capture(tape);
}

}  // namespace

TEST_CASE("every view of every recording is well-formed, in every theme and colour") {
  for (std::uint64_t round = 0; round < 120; ++round) {
    us::test::Dice dice(round);
    const us::Graph graph = us::test::random_graph(dice, round % 2 == 0);
    us::GraphStyle style;
    style.view = views[round % 6];
    style.theme = static_cast<us::GraphTheme>(round / 6 % 4);
    style.color = static_cast<us::GraphColor>(round / 2 % 5);
    style.phase = static_cast<us::GraphPhase>(round / 4 % 3);
    style.parameters = static_cast<us::ParameterStyle>(round / 3 % 4);
    style.max_nodes = round % 3 == 0 ? 5 : 0;
    CAPTURE(round);
    CHECK(balanced(us::graph_svg(graph, style)));
  }
}

TEST_CASE("an empty tape and hostile names have every view") {
  us::ParameterSet<> params;
  us::Tape<> tape;
  const us::Graph empty = us::capture(tape);
  const auto scope = tape.scope(us::test::hostile_name());
  for (int t = 0; t < 4; ++t) {
    const auto step = tape.step(t);
    (void)(tape.zeros({2}) + (t == 0 ? params.add(us::test::hostile_name(), {2}, us::ones()) : params.at(0)));
  }
  const us::Graph hostile = us::capture(tape);
  for (const us::GraphView view : views) {
    CHECK(us::graph_svg(empty, {.view = view}).find("</svg>") != std::string::npos);
    const std::string svg = us::graph_svg(hostile, {.title = us::test::hostile_name(), .view = view});
    CHECK(count_of(svg, "<script") == 0);
    CHECK(count_of(svg, "<text") == count_of(svg, "</text>"));
  }
}

TEST_CASE("one step of a network has its back edges, its times and its exceptions") {
  const us::detail::OneStep step = us::detail::find_one_step(us::detail::as_drawn(walked(40), true));
  REQUIRE(step.found);
  CHECK(step.steps == 40);
  CHECK(step.exceptions.empty());
  CHECK(step.back.size() == 2);  // the state and the running loss
  for (const auto& edge : step.back) CHECK(edge.delay == 1);
  const std::string svg = us::graph_svg(walked(40), {.view = us::GraphView::folded});
  CHECK(svg.find("one step, \xC3\x97"
                 "40<") != std::string::npos);
  CHECK(count_of(svg, ">1 step later<") == 2);
  CHECK(count_of(svg, ">tanh<") == 1);
  CHECK(svg.size() < 30'000);
}

TEST_CASE("steps that are put together differently are listed, whatever their nodes are called") {
  us::Tape<double> tape;
  us::Var<double> h = tape.variable({2}, std::vector<double>{1, 2});
  for (int t = 0; t < 20; ++t) {
    const auto scope = tape.scope("name" + std::to_string(t));
    const auto step = tape.step(t);
    h = tanh(h);
    if (t >= 18) h = exp(h);
  }
  const us::detail::OneStep step = us::detail::find_one_step(us::detail::as_drawn(us::capture(tape), true));
  CHECK(step.steps == 18);
  REQUIRE(step.exceptions.size() == 1);
  CHECK(step.exceptions[0].first == 18);
  CHECK(step.exceptions[0].last == 19);
}

TEST_CASE("the gradient view has states and gates of every layer by name, found by structure") {
  const us::Graph graph = us::detail::as_drawn(composed_lstm(10), true);
  const us::detail::Placement placement = us::detail::place(graph);
  const auto rows = us::detail::gradient_rows(graph, placement, us::detail::find_roles(graph, placement));
  std::string names;
  for (const auto& row : rows) names += row.scope + ":" + row.name + " ";
  for (const char* const scope : {"l0", "l1"})
    for (const char* const name : {":h ", ":c ", ":gate i ", ":gate f ", ":gate g ", ":gate o "}) {
      CAPTURE(names);
      CHECK(names.find(scope + std::string(name)) != std::string::npos);
    }
}

TEST_CASE("the gradient view marks where the gradient is cut off") {
  us::Tape<double> tape({.keep_gradient_norms = true});
  us::Var<double> h = tape.variable({2}, std::vector<double>{1, 2});
  for (int t = 0; t < 12; ++t) {
    const auto step = tape.step(t);
    h = tanh(t == 6 ? detach(h) + h * 0.0 : h);
  }
  tape.backward(sum(h));
  const us::Graph graph = us::detail::as_drawn(us::capture(tape), true);
  const us::detail::Placement placement = us::detail::place(graph);
  std::size_t cuts = 0;
  for (const auto& row : us::detail::gradient_rows(graph, placement, us::detail::find_roles(graph, placement)))
    for (const std::uint8_t cut : row.cut) cuts += cut;
  CHECK(cuts == 1);
}

TEST_CASE("modules have the totals of what is inside them") {
  const us::Graph graph = composed_lstm(5);
  const std::vector<us::detail::Module> modules = us::detail::find_modules(graph);
  REQUIRE(modules.size() == 3);
  const us::GraphSummary s = us::summarize(graph);
  CHECK(modules[0].flops == s.flops);
  CHECK(modules[0].nodes == s.nodes - s.parameters);
  CHECK(modules[0].parameter_values == s.parameter_values);
  CHECK(modules[1].name == "l0");
  CHECK(modules[1].steps == 5);
  CHECK(modules[1].flops + modules[2].flops <= modules[0].flops);
}

TEST_CASE("chosen steps are drawn and each stretch between them is a fold") {
  const std::string svg = us::graph_svg(walked(50), {.steps = "0:2,20:22,-1:"});
  CHECK(count_of(svg, ">tanh<") == 5);
  CHECK(svg.find(">t = 2 \xE2\x80\xA6 19<") != std::string::npos);
  CHECK(svg.find(">t = 22 \xE2\x80\xA6 48<") != std::string::npos);
  CHECK(count_of(us::graph_svg(walked(50), {.max_nodes = 20}), ">tanh<") == 2);
}

TEST_CASE("parameters are badges, lanes or nodes, and arrows turn round for the backward pass") {
  const us::Graph graph = walked(4);
  CHECK(count_of(us::graph_svg(graph), ">Wh</text>") == 4 + 1);
  CHECK(count_of(us::graph_svg(graph, {.parameters = us::ParameterStyle::lane}), "<circle") == 12);
  CHECK(count_of(us::graph_svg(graph, {.parameters = us::ParameterStyle::nodes}), "stroke-dasharray=\"4 3\"") == 12);
  CHECK(count_of(us::graph_svg(graph), "class=\"back\"") == 0);
  const std::string backward = us::graph_svg(graph, {.phase = us::GraphPhase::backward});
  CHECK(count_of(backward, "class=\"back\"") > 20);
  CHECK(count_of(backward, "class=\"carry\"") == 0);
  CHECK(count_of(us::graph_svg(graph, {.phase = us::GraphPhase::both}), "class=\"band\"") > 20);
}

TEST_CASE("a page holds the graph, the page and nothing that ends its script early") {
  const us::Graph graph = walked(30);
  const std::string page = us::graph_html(graph, {.title = "</script><script>alert(1)</script>"});
  CHECK(page.starts_with("<!doctype html>"));
  CHECK(count_of(page, "@graph@") == 0);
  CHECK(count_of(page, "alert(1)</script>") == 0);
  CHECK(page.find("default-src 'none'") != std::string::npos);
  const std::size_t from = page.find("id=\"graph\">") + 11;
  const us::Graph read = us::parse_graph(std::string_view(page).substr(from, page.find("</script>", from) - from));
  CHECK(us::test::difference(read, graph) == "");
}
