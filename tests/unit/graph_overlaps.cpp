// Pictures whose boxes and badges keep clear of one another.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "graph_support.hpp"
#include "unspool/layers.hpp"

namespace us = unspool;
using us::test::Rnn;

namespace {

struct Box {
  double x, y, width, height;
  std::string title;
  bool is_badge() const { return height < 20; }
  bool is_bar() const { return width > 200; }
  bool inside(const Box& b) const {
    return x >= b.x && y >= b.y && x + width <= b.x + b.width && y + height <= b.y + b.height;
  }
};

// Of every node and badge of a picture.
std::vector<Box> boxes_of(const std::string& svg) {
  std::vector<Box> boxes;
  const std::string begin = "<g><title>";
  for (std::size_t at = svg.find(begin); at != std::string::npos; at = svg.find(begin, at + 1)) {
    const std::size_t title = at + begin.size(), end = svg.find("</title>", title);
    Box box;
    box.title = svg.substr(title, std::min(svg.find("&#10;", title), end) - title);
    const std::size_t x = svg.find(" x=\"", end);
    REQUIRE(std::sscanf(svg.c_str() + x, " x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &box.x, &box.y,
                        &box.width, &box.height) == 4);
    boxes.push_back(box);
  }
  return boxes;
}

// Two boxes that cover the same place by more than rounding, or nothing. A wide bar has its badges inside.
std::string overlap(const std::vector<Box>& boxes) {
  for (std::size_t i = 0; i < boxes.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) {
      const Box &a = boxes[i], &b = boxes[k];
      if (a.is_badge() != b.is_badge()) {
        const Box &badge = a.is_badge() ? a : b, &node = a.is_badge() ? b : a;
        if (node.is_bar() && badge.inside(node)) continue;
      }
      if (std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x) > 1 &&
          std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y) > 1)
        return a.title + " over " + b.title;
    }
  return "";
}

// An LSTM layer over a whole sequence whose h and c come from outside, as where a stream goes on.
us::Graph carried_on(int steps, int layers, bool bidirectional, bool fused) {
  us::ParameterSet<double> params;
  us::Tape<double> tape;
  const us::LSTM<double> lstm(
      params, "lstm", {.input = 2, .hidden = 3, .layers = layers, .bidirectional = bidirectional, .fused = fused});
  const us::Linear<double> head(params, "head", {.input = bidirectional ? 6 : 3, .output = 2});
  const us::Shape state{layers * (bidirectional ? 2 : 1), 1, 3};
  const us::Var<double> h = tape.input(us::Tensor<double>(state)), c = tape.input(us::Tensor<double>(state));
  const auto out = lstm(tape.input(us::Tensor<double>({steps, 1, 2})), {h, c});
  tape.backward(sum(head(out.outputs)));
  return us::capture(tape);
}

}  // namespace

TEST_CASE("the two states that a layer starts from are two sources of its first step") {
  for (const int steps : {1, 2, 5, 32}) {
    CAPTURE(steps);
    const std::vector<Box> boxes = boxes_of(us::graph_svg(carried_on(steps, 1, false, true)));
    std::vector<Box> states;
    for (const Box& box : boxes)
      if (box.title.ends_with(" input [1,1,3]")) states.push_back(box);
    REQUIRE(states.size() == 2);
    CHECK(states[0].x == states[1].x);
    CHECK(std::abs(states[0].y - states[1].y) == 64);
    CHECK(overlap(boxes) == "");
  }
}

TEST_CASE("no boxes and no badges of a network's picture overlap") {
  for (const int steps : {1, 2, 3, 8, 40})
    for (const int layers : {1, 2})
      for (const bool bidirectional : {false, true})
        for (const bool fused : {true, false})
          for (const us::GraphView view : {us::GraphView::unrolled, us::GraphView::folded}) {
            CAPTURE(steps);
            CAPTURE(layers);
            CAPTURE(bidirectional);
            CAPTURE(fused);
            CAPTURE(static_cast<int>(view));
            const us::Graph graph = carried_on(steps, layers, bidirectional, fused);
            CHECK(overlap(boxes_of(us::graph_svg(graph, {.view = view}))) == "");
          }
  for (const int steps : {0, 1, 4, 50}) CHECK(overlap(boxes_of(us::graph_svg(Rnn(steps).graph()))) == "");
}

TEST_CASE("no boxes and no badges of any recording's picture overlap") {
  for (std::uint64_t round = 0; round < 200; ++round) {
    CAPTURE(round);
    us::test::Dice dice(round);
    CHECK(overlap(boxes_of(us::graph_svg(us::test::random_graph(dice, false)))) == "");
  }
}
