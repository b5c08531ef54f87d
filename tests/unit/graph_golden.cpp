// Golden files: what the writers produce for a small recurrent network, byte by byte. After a wanted change run the
// test with UNSPOOL_UPDATE_GOLDEN=1 and review the difference.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "graph_support.hpp"
#include "unit/golden_folder.hpp"
#include "unspool/chart.hpp"

namespace us = unspool;
using us::test::Rnn;

namespace {

// Without source lines, which move with every edit of the tests, and with gradient norms that do not depend on the
// rounding of this machine's kernels.
us::Graph fixed_graph(int steps) {
  us::Graph graph = Rnn(steps).graph();
  for (us::GraphNode& n : graph.nodes) {
    n.line = 0;
    n.file = 0;
    if (n.has(us::GraphNode::needs_grad)) n.gradient_norm = n.step < 0 ? 0.5 : 1.0 / static_cast<double>(1 << n.step);
  }
  for (us::GraphParameter& p : graph.parameters) p.gradient_norm = 0.5;
  return graph;
}

void compare(const std::string& text, const std::string& name) {
  const std::string path = std::string(UNSPOOL_GOLDEN_FOLDER) + "/" + name;
  if (std::getenv("UNSPOOL_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::ifstream file(path, std::ios::binary);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  CHECK_MESSAGE(text == golden, name);
}

}  // namespace

TEST_CASE("a recurrent network is written as the golden files say") {
  const us::Graph graph = fixed_graph(3);
  compare(us::graph_text(graph), "rnn.txt");
  compare(us::graph_json(graph), "rnn.json");
  compare(us::graph_dot(graph), "rnn.dot");
  compare(us::graph_svg(graph, {.title = "A recurrent network"}), "rnn.svg");
}

TEST_CASE("a long sequence is folded as the golden picture says") {
  compare(us::graph_svg(fixed_graph(30)), "rnn_folded.svg");
}

TEST_CASE("a chart is drawn as the golden picture says") {
  std::vector<us::ChartSeries> series = {{.name = "RNN"}, {.name = "LSTM"}};
  for (int t = 0; t < 24; ++t) {
    series[0].y.push_back(1.0 / static_cast<double>(1 << (24 - t)));
    series[1].y.push_back(0.25 + t / 32.0);
  }
  compare(us::svg_line_chart(series, {.title = "Gradient norm", .x_label = "t", .y_label = "norm", .log_y = true}),
          "chart.svg");
}
