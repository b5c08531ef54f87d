// DOT and SVG: structure, escaping, stamping, folding.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include "base/utf8.hpp"
#include "graph_support.hpp"

namespace us = unspool;
using us::test::count_of;
using us::test::Rnn;

namespace {

// Well-formed as far as our own writers can go wrong: elements nest, attributes are quoted, entities are known.
bool well_formed(std::string_view xml) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < xml.size();) {
    const unsigned char c = static_cast<unsigned char>(xml[at]);
    if (c < 0x20 && c != '\n') return false;
    if (c == '&') {
      const std::string_view entity = xml.substr(at, xml.find(';', at) - at + 1);
      if (!std::set<std::string_view>{"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#10;"}.contains(entity))
        return false;
    }
    if (c != '<') {
      if (c == '>' && open.empty()) return false;
      ++at;
      continue;
    }
    const std::size_t end = xml.find('>', at);
    if (end == std::string_view::npos) return false;
    const std::string_view tag = xml.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string_view::npos || count_of(tag, "\"") % 2 != 0) return false;
    const std::string name(tag.substr(tag[0] == '/', tag.find_first_of(" /", 1) - (tag[0] == '/')));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end + 1;
  }
  return open.empty() && us::detail::is_utf8(xml);
}

// Node number to the position in its line.
std::map<int, std::pair<int, int>> positions(const std::string& dot) {
  std::map<int, std::pair<int, int>> found;
  for (std::size_t at = dot.find("\nn"); at != std::string::npos; at = dot.find("\nn", at + 1)) {
    const std::string line = dot.substr(at + 1, dot.find('\n', at + 1) - at - 1);
    int node = 0, x = 0, y = 0;
    const std::size_t pos = line.find("pos=\"");
    if (line.find("->") != std::string::npos || pos == std::string::npos) continue;
    if (std::sscanf(line.c_str(), "n%d", &node) == 1 && std::sscanf(line.c_str() + pos, "pos=\"%d,%d!", &x, &y) == 2)
      found[node] = {x, y};
  }
  return found;
}

}  // namespace

TEST_CASE("node and edge counts of an unrolled network are linear in the steps") {
  for (const int T : {1, 2, 3, 7, 8, 9, 40}) {
    const us::Graph graph = Rnn(T).graph();
    for (const us::ParameterStyle style : {us::ParameterStyle::badges, us::ParameterStyle::nodes}) {
      const std::string dot = us::graph_dot(graph, {.parameters = style});
      const std::size_t steps = static_cast<std::size_t>(T);
      const std::size_t shared = style == us::ParameterStyle::nodes ? 3 : 0;
      // A step: input, two products, two sums, tanh, square, sum, the running loss.
      CHECK(count_of(dot, " [label=") == 9 * steps + 2 + shared);
      // h * h is one edge. With parameters as nodes, one edge more for each of the three that a step reads.
      CHECK(count_of(dot, " -> ") == (10 + shared) * steps);
      CHECK(count_of(dot, "subgraph cluster_t") == steps);
    }
  }
}

TEST_CASE("parameters become badges where their edges would cross a long sequence") {
  CHECK(count_of(us::graph_dot(Rnn(8).graph()), "cluster_parameters") == 1);
  CHECK(count_of(us::graph_dot(Rnn(9).graph()), "cluster_parameters") == 0);
  CHECK(count_of(us::graph_dot(Rnn(9).graph()), "\\nWh\"") == 9);
}

TEST_CASE("a step is laid out once and stamped along time") {
  const Rnn rnn(6);
  const auto at = positions(us::graph_dot(rnn.graph(), {.parameters = us::ParameterStyle::badges}));
  REQUIRE(at.size() == 6 * 9 + 2);
  const int pitch = at.at(rnn.h[3].index()).first - at.at(rnn.h[2].index()).first;
  CHECK(pitch > 0);
  const int step_nodes = static_cast<int>(rnn.h[3].index() - rnn.h[2].index());
  for (const auto& [node, place] : at) {
    if (node <= static_cast<int>(rnn.h[1].index()) || !at.contains(node + step_nodes)) continue;
    CHECK(at.at(node + step_nodes).first - place.first == pitch);
    CHECK(at.at(node + step_nodes).second == place.second);
  }
}

TEST_CASE("the picture reads upwards: inputs below states below losses, the initial state beside the others") {
  const Rnn rnn(4);
  const us::Graph graph = rnn.graph();
  const auto at = positions(us::graph_dot(graph, {.parameters = us::ParameterStyle::badges}));
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.op_name(graph.nodes[i]) == "input")
      CHECK(at.at(static_cast<int>(i)).second < at.at(rnn.h[1].index()).second);
  CHECK(at.at(rnn.h[1].index()).second < at.at(rnn.loss.index()).second);
  CHECK(at.at(rnn.h[0].index()).second == at.at(rnn.h[1].index()).second);
  CHECK(at.at(rnn.h[0].index()).first < at.at(rnn.h[1].index()).first);
}

TEST_CASE("no two nodes of a picture overlap") {
  us::Tape<> tape;
  us::Var h = tape.zeros({1, 4}), c = tape.zeros({1, 4});
  for (int t = 0; t < 3; ++t) {
    const auto step = tape.step(t);
    const us::Var x = tape.input({1, 4}, std::vector<float>(4, 0.5f));
    const us::Var g = x * h;
    const us::Var i = sigmoid(g + x), f = sigmoid(g - x), o = sigmoid(x - h), u = tanh(g * x);
    c = f * c + i * u;
    h = o * tanh(c) + x;
  }
  std::map<int, std::set<int>> rows;
  for (const auto& [node, place] : positions(us::graph_dot(us::capture(tape)))) {
    for (const int x : rows[place.second]) CHECK(std::abs(x - place.first) >= 96);
    rows[place.second].insert(place.first);
  }
  CHECK(rows.size() > 5);
}

TEST_CASE("folding views removes them and keeps the way through") {
  us::Tape<> tape;
  const us::Var x = tape.variable({4, 3}, std::vector<float>(12, 1.0f));
  const us::Var y = tanh(reshape(x, {12}));
  const us::Graph graph = us::capture(tape);
  const std::string folded = us::graph_dot(graph);
  const std::string whole = us::graph_dot(graph, {.fold_views = false});
  CHECK(count_of(folded, " [label=") == 2);
  CHECK(count_of(folded, "n0 -> n2") == 1);
  CHECK(count_of(whole, " [label=") == 3);
  CHECK(count_of(whole, "n1 -> n2") == 1);
  CHECK(y.size() == 12);
}

TEST_CASE("hostile names end no string and no element") {
  us::ParameterSet<> params;
  us::Tape<> tape;
  const auto scope = tape.scope(us::test::hostile_name());
  const auto step = tape.step(0);
  const us::Var y = tape.zeros({2}) + params.add(us::test::hostile_name(), {2}, us::ones());
  const us::Graph graph = us::capture(tape);
  CHECK(well_formed(us::graph_svg(graph, {.title = us::test::hostile_name()})));
  for (const us::ParameterStyle style : {us::ParameterStyle::badges, us::ParameterStyle::nodes}) {
    const std::string dot = us::graph_dot(graph, {.parameters = style});
    CHECK(us::detail::is_utf8(dot));
    // Outside strings there is only the language: quotes pair up on every line and no control character is left.
    for (const char c : dot) CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\n'));
    std::size_t from = 0;
    for (std::size_t end = dot.find('\n'); end != std::string::npos; from = end + 1, end = dot.find('\n', from)) {
      bool inside = false;
      for (std::size_t i = from; i < end; ++i) {
        if (inside && dot[i] == '\\')
          ++i;
        else if (dot[i] == '"')
          inside = !inside;
      }
      CHECK_FALSE(inside);
    }
  }
  CHECK(y.size() == 2);
}

TEST_CASE("a picture is well-formed and the same at every call") {
  for (const int T : {0, 1, 4, 50}) {
    const us::Graph graph = Rnn(T).graph();
    const std::string svg = us::graph_svg(graph);
    CHECK(well_formed(svg));
    CHECK(svg == us::graph_svg(Rnn(T).graph()));
  }
}

TEST_CASE("any recording can be drawn: steps in any order, edges between any two") {
  for (std::uint64_t round = 0; round < 300; ++round) {
    us::test::Dice dice(round);
    const us::Graph graph = us::test::random_graph(dice, false);
    const us::GraphStyle style{.fold_views = round % 2 == 0, .first_steps = 1, .last_steps = 1};
    CHECK(well_formed(us::graph_svg(graph, style)));
    const std::string dot = us::graph_dot(graph, {.parameters = us::ParameterStyle::nodes, .fold_views = false});
    CHECK(count_of(dot, " [label=") == graph.nodes.size());
  }
}

TEST_CASE("a long sequence is folded to its first three and last two steps") {
  const std::string five = us::graph_svg(Rnn(5).graph());
  const std::string six = us::graph_svg(Rnn(6).graph());
  const std::string many = us::graph_svg(Rnn(200).graph());
  CHECK(count_of(five, ">t = ") == 5);
  CHECK(count_of(six, ">t = ") == 6);  // a fold of one step would show less in the same room
  CHECK(many.find(">t = 3 \xE2\x80\xA6 197<") != std::string::npos);
  CHECK(many.find(">\xC3\x97"
                  "195<") != std::string::npos);
  CHECK(many.find(">t = 2<") != std::string::npos);
  CHECK(many.find(">t = 198<") != std::string::npos);
  CHECK(count_of(many, ">tanh<") == 5);
  CHECK(many.size() < 2 * five.size());
  CHECK(count_of(us::graph_svg(Rnn(9).graph(), {.first_steps = 1, .last_steps = 1}), ">tanh<") == 2);
}

TEST_CASE("the states of a vanilla network are told from its other nodes") {
  const std::string svg = us::graph_svg(Rnn(4).graph());
  CHECK(count_of(svg, "<rect class=\"state\"") == 4);
  CHECK(count_of(svg, "<rect class=\"input\"") == 4);
  CHECK(count_of(svg, "<rect class=\"loss\"") == 8);
  CHECK(count_of(svg, "<path class=\"carry\"") == 2 * 4);  // the state and the loss, from the lane and three steps
  CHECK(count_of(svg, ">Wh</text>") == 4 + 1);             // a badge a step and the legend
}

TEST_CASE("a chain of a million nodes is captured, checked, written and drawn") {
  us::Tape<> tape;
  us::Var v = tape.variable({1}, std::vector<float>{1});
  for (int i = 0; i < 1'000'000; ++i) v = neg(v);
  const us::Graph graph = us::capture(tape);
  us::verify(graph);
  CHECK(count_of(us::graph_text(graph), "\n") == 1'000'002);
  const std::string svg = us::graph_svg(graph);
  CHECK(well_formed(svg));
  CHECK(svg.size() < 100'000);
  CHECK(us::gradient_by_step(graph).empty());
}

TEST_CASE("a sequence of a hundred thousand steps is drawn in full by DOT and folded by SVG") {
  us::Tape<> tape;
  us::Var v = tape.variable({1}, std::vector<float>{1});
  for (int i = 0; i < 100'000; ++i) {
    const auto step = tape.step(i);
    v = neg(v);
  }
  const us::Graph graph = us::capture(tape);
  CHECK(count_of(us::graph_dot(graph), " -> ") == 100'000);
  CHECK(us::graph_svg(graph).size() < 20'000);
}
