// What is drawn of whole-sequence layers: steps and what they hand on, without the memory that they share.
#include <doctest/doctest.h>

#include <algorithm>

#include "dump/drawn.hpp"
#include "dump/layout.hpp"
#include "dump/views/one_step.hpp"
#include "graph_support.hpp"
#include "unspool/graph_analysis.hpp"
#include "unspool/layers.hpp"

namespace us = unspool;
using us::detail::Placement;
using us::test::count_of;

namespace {

constexpr std::int64_t batch = 2, input = 3, hidden = 4;

us::Tensor<double> numbers(const us::Shape& shape) {
  us::Tensor<double> x(shape);
  double value = -1;
  for (double& v : x.values()) v = value = value > 0.9 ? -1 : value + 0.07;
  return x;
}

// A layer over T steps, a head over all of them, one loss.
template <class Layer, class Options>
us::Graph layered(std::int64_t steps, Options options, std::int64_t rows = batch) {
  us::ParameterSet<double> params(us::Seed{2});
  us::Tape<double> tape({.keep_gradient_norms = true});
  options.input = input, options.hidden = hidden;
  const Layer layer(params, "rnn", options);
  const us::Linear<double> head(params, "head",
                                {.input = options.bidirectional ? 2 * hidden : hidden, .output = input});
  const us::Var<double> out = head(layer(tape.input(numbers({steps, rows, input}))).outputs);
  tape.backward(us::mse(out, tape.input(numbers(out.shape()))));
  return us::capture(tape);
}
us::Graph lstm(std::int64_t steps, us::LSTMOptions options = {}, std::int64_t rows = batch) {
  return layered<us::LSTM<double>>(steps, options, rows);
}

struct Drawn {
  explicit Drawn(const us::Graph& recorded)
      : graph(us::detail::as_drawn(recorded, true)), placement(us::detail::place(graph)) {}
  std::vector<std::uint32_t> nodes(const std::string& op) const {
    std::vector<std::uint32_t> found;
    for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
      if (placement.is_drawn(i) && graph.op_name(graph.nodes[i]).starts_with(op)) found.push_back(i);
    return found;
  }
  // What a node is drawn to read, parameters apart.
  std::vector<std::uint32_t> sources(std::uint32_t node) const {
    std::vector<std::uint32_t> found;
    for (const std::uint32_t from : graph.inputs_of(graph.nodes[node]))
      if (graph.nodes[from].parameter_index < 0) found.push_back(placement.drawn_as[from]);
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }
  std::int64_t columns() const {
    return std::count_if(placement.cells.begin(), placement.cells.end(), [](const auto& c) { return c.is_column(); });
  }
  us::Graph graph;
  Placement placement;
};

}  // namespace

TEST_CASE("a step of a layer is drawn to read its predecessor and its projected input, and no buffer") {
  for (const us::Graph& graph :
       {lstm(5), layered<us::GRU<double>>(5, us::GRUOptions{}), layered<us::RNN<double>>(5, us::RNNOptions{})}) {
    const Drawn d(graph);
    CHECK(d.nodes("step_buffer").empty());
    CHECK(d.nodes("steps_done").empty());
    std::vector<std::uint32_t> steps;
    for (const char* const op : {"lstm_step", "gru_step", "rnn_step"})
      for (const std::uint32_t i : d.nodes(op)) steps.push_back(i);
    REQUIRE(steps.size() == 5);
    CHECK(d.columns() == 5);
    const std::uint32_t projected = d.nodes("linear").front();
    for (std::size_t t = 1; t < 5; ++t) CHECK(d.sources(steps[t]) == std::vector{projected, steps[t - 1]});
    const std::vector<std::uint32_t> first = d.sources(steps[0]);
    REQUIRE(first.size() == 2);
    CHECK(d.placement.cell[first[0]] == 0);  // the initial state, in the lane before the first step
    CHECK(d.sources(d.nodes("linear").back()) == steps);
  }
}

TEST_CASE("the next layer reads every step, and layers share their columns") {
  const Drawn d(lstm(6, {.layers = 2}));
  const std::vector<std::uint32_t> steps = d.nodes("lstm_step"), linear = d.nodes("linear");
  REQUIRE(steps.size() == 12);
  REQUIRE(linear.size() == 3);
  CHECK(d.columns() == 6);
  CHECK(d.placement.cells.back().block == 1);
  CHECK(d.sources(linear[1]) == std::vector(steps.begin(), steps.begin() + 6));
  CHECK(d.sources(linear[2]) == std::vector(steps.begin() + 6, steps.end()));
  for (int t = 0; t < 6; ++t) CHECK(d.placement.cell[steps[t]] == d.placement.cell[steps[t + 6]]);
  // The final state is that of the last steps alone.
  for (const std::uint32_t stack : d.nodes("stack")) CHECK(d.sources(stack) == std::vector{steps[5], steps[11]});
}

TEST_CASE("both directions of a layer are drawn in the same columns") {
  const Drawn d(lstm(4, {.bidirectional = true}));
  const std::vector<std::uint32_t> steps = d.nodes("lstm_step");
  REQUIRE(steps.size() == 8);
  CHECK(d.columns() == 4);
  for (int t = 1; t < 8; ++t)
    if (t != 4) CHECK(d.sources(steps[t]).back() == steps[t - 1]);
  CHECK(d.placement.cell[steps[0]] == d.placement.cell[steps[7]]);
}

TEST_CASE("a decoder that begins at a layer's final state stands to the right of it") {
  us::ParameterSet<double> params(us::Seed{2});
  us::Tape<double> tape;
  const us::GRU<double> encoder(params, "encoder", {.input = input, .hidden = hidden});
  const us::GRU<double> decoder(params, "decoder", {.input = input, .hidden = hidden});
  const auto encoded = encoder(tape.input(numbers({5, batch, input})));
  tape.backward(sum(decoder(tape.input(numbers({3, batch, input})), encoded.state).outputs));
  const Drawn d(us::capture(tape));
  CHECK(d.columns() == 8);
  CHECK(d.placement.cells.back().block == 2);
}

TEST_CASE("where steps look at all outputs of a layer, these stay a node that its steps lead to") {
  us::ParameterSet<double> params(us::Seed{2});
  us::Tape<double> tape;
  const us::RNN<double> encoder(params, "encoder", {.input = input, .hidden = hidden});
  const us::Var<double> ys = encoder(tape.input(numbers({5, batch, input}))).outputs;
  us::Var<double> loss = tape.scalar(0);
  for (int t = 0; t < 5; ++t) {
    const auto step = tape.step(t);
    loss = loss + sum(ys * static_cast<double>(t));
  }
  tape.backward(loss);
  const Drawn d(us::capture(tape));
  const std::vector<std::uint32_t> done = d.nodes("steps_done");
  REQUIRE(done.size() == 1);
  CHECK(d.sources(done[0]) == d.nodes("rnn_step"));
  CHECK(d.placement.cell[done[0]] == Placement::bar);
  for (const std::uint32_t mul : d.nodes("mul_scalar")) CHECK(d.sources(mul) == done);
}

TEST_CASE("many looks at a layer's outputs do not multiply the edges") {
  for (const bool read : {true, false}) {
    us::ParameterSet<double> params(us::Seed{2});
    us::Tape<double> tape;
    const us::GRU<double> layer(params, "rnn", {.input = input, .hidden = hidden});
    const us::Var<double> ys = layer(tape.input(numbers({64, batch, input}))).outputs;
    us::Var<double> loss = sum(ys);
    for (int k = 0; k < 300; ++k) {
      const us::Var<double> part = slice(ys, 0, 1, 63);
      if (read) loss = loss + sum(part);
    }
    tape.backward(loss);
    const us::Graph recorded = us::capture(tape);
    CHECK(us::detail::as_drawn(recorded, true).inputs.size() < recorded.inputs.size() + 64);
  }
}

TEST_CASE("inputs that are projected a stretch at a time share a row, and hidden steps hide theirs") {
  const Drawn d(lstm(200, {}, 16));  // many more rows than one product takes
  std::vector<std::uint32_t> stretches = d.nodes("linear");
  stretches.pop_back();  // the head
  REQUIRE(stretches.size() > 4);
  const us::detail::Layout all = us::detail::lay_out(d.graph, d.placement, {});
  us::detail::LayoutOptions few;
  few.first_steps = 3, few.last_steps = 2;
  const us::detail::Layout ends = us::detail::lay_out(d.graph, d.placement, few);
  std::size_t shown = 0;
  for (const std::uint32_t i : stretches) {
    CHECK(all.row[i] == all.row[stretches[0]]);
    CHECK(all.visible[i] == 1);
    shown += ends.visible[i];
  }
  CHECK(shown < stretches.size());
  CHECK(shown >= 2);
}

TEST_CASE("one step of a layer is drawn with the products before it and the outputs after it") {
  const us::detail::OneStep step = us::detail::find_one_step(us::detail::as_drawn(lstm(30, {.layers = 2}), true));
  REQUIRE(step.found);
  CHECK(step.steps == 30);
  CHECK(step.back.size() == 2);
  std::string ops;
  for (const us::GraphNode& n : step.graph.nodes)
    if (n.parameter_index < 0) ops += step.graph.op_name(n) + " ";
  CHECK(ops.starts_with("input linear lstm_step linear lstm_step linear"));
  CHECK(count_of(ops, "step_buffer") + count_of(ops, "steps_done") == 0);
}

TEST_CASE("the graph of a layer has a closed number of drawn nodes and edges") {
  for (const std::int64_t steps : {1, 2, 9, 40}) {
    CAPTURE(steps);
    const std::string dot = us::graph_dot(lstm(steps), {.parameters = us::ParameterStyle::badges});
    // Beside the steps: input, initial state, projection, head, target, loss and the two final states.
    CHECK(count_of(dot, " [label=") == static_cast<std::size_t>(steps + 8));
    // A step reads its predecessor and the projection, the head every step; 4 more, and 2 final states.
    CHECK(count_of(dot, " -> ") == static_cast<std::size_t>(3 * steps + 5));
  }
}

TEST_CASE("without folding everything is drawn as it was recorded") {
  const us::Graph graph = lstm(4);
  const Placement p = us::detail::place(us::detail::as_drawn(graph, false));
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) CHECK(p.is_drawn(i) == (graph.nodes[i].parameter_index < 0));
}

TEST_CASE("a value that is not finite is said to come from the step that made it, not from memory it shares") {
  us::ParameterSet<double> params(us::Seed{2});
  us::Tape<double> tape;
  const us::RNN<double> layer(params, "rnn",
                              {.input = input, .hidden = hidden, .nonlinearity = us::Nonlinearity::relu});
  for (us::Parameter<double>& p : params)
    for (double& v : p.mutable_values()) v = p.name() == "rnn.weight_hh_l0" ? 1e150 : 1;
  tape.backward(sum(layer(tape.input(us::Tensor<double>({6, batch, input}))).outputs));
  const us::Graph graph = us::capture(tape);
  const us::GradientReport report = us::gradient_report(graph);
  REQUIRE(report.first.found);
  const us::GraphNode& first = graph.nodes[report.first.node];
  CHECK(graph.op_name(first) == "rnn_step");
  CHECK(first.step == 3);  // 2, 1e150, 1e301, too much
}

TEST_CASE("steps whose attributes make no sense are drawn as they were recorded") {
  const us::Graph good = lstm(5);
  for (int word = 0; word < 4; ++word)
    for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{1} << 52, INT64_MIN, INT64_MAX}) {
      us::Graph bad = good;
      for (const us::GraphNode& n : good.nodes)
        if (good.op_name(n) == "lstm_step") bad.attrs[n.first_attr + word] = value;
      for (int view = 0; view < 6; ++view)
        CHECK(us::graph_svg(bad, {.view = static_cast<us::GraphView>(view)}).ends_with("</svg>\n"));
      CHECK(us::graph_dot(bad).ends_with("}\n"));
    }
  us::Graph less = good;  // operands that are not there
  for (us::GraphNode& n : less.nodes) n.input_count = std::min<std::uint32_t>(n.input_count, 3);
  CHECK(us::graph_svg(less).ends_with("</svg>\n"));
}
