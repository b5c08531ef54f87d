// The graph file: what is written is read back.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "dump/column.hpp"
#include "graph_support.hpp"
#include "unit/safetensors_support.hpp"

namespace us = unspool;
using us::test::count_of;
using us::test::Dice;
using us::test::difference;
using us::test::Rnn;

TEST_CASE("a graph that was written reads back the same, over random recordings") {
  for (std::uint64_t round = 0; round < 400; ++round) {
    Dice dice(round + 5000);
    const us::Graph graph = us::test::random_graph(dice, round % 2 == 0);
    CAPTURE(round);
    REQUIRE(difference(us::parse_graph(us::graph_json(graph)), graph) == "");
  }
}

TEST_CASE("a file on disk is read, and writing it again gives the same bytes") {
  const us::test::TemporaryFolder folder;
  Rnn rnn(12, {.keep_gradient_norms = true});
  rnn.tape.backward(rnn.loss);
  us::write_graph(rnn.tape, folder / "g.json");
  const us::Graph graph = us::read_graph(folder / "g.json");
  CHECK(difference(graph, rnn.graph()) == "");
  CHECK(graph.loss == rnn.loss.index());
  CHECK(us::graph_json(graph) == us::graph_json(rnn.graph()));
}

TEST_CASE("names of every byte value survive as far as they are UTF-8") {
  us::ParameterSet<> params;
  us::Tape<> tape;
  std::string name = "\"quoted\\\" </script> \xE2\x80\xAE \xF0\x9F\xA6\x86 ";
  for (int byte = 0; byte < 128; ++byte) name += static_cast<char>(byte);
  const auto scope = tape.scope(name);
  const us::Var y = tape.zeros({2}) + params.add(name, {2}, us::ones());
  const std::string json = us::graph_json(us::capture(tape));
  const us::Graph graph = us::parse_graph(json);
  CHECK(graph.parameters[0].name == name);
  CHECK(graph.scope_of(graph.nodes[y.index()]) == name);
  CHECK(count_of(json, "</script>") == 0);
}

TEST_CASE("a parameter's series and its special numbers are read back") {
  us::Graph graph = Rnn(5).graph();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  graph.parameters[1].series = {
      {0, 1, 2, 3, 10, 12}, {1, 0, inf, 0.25, 3, 4}, {-1, 0, 1e300, 2, 3, 4}, {1, 2, 3, 4, 5, 6}};
  graph.parameters[0].gradient_norm = inf;
  graph.nodes[4].gradient_norm = nan;
  CHECK(difference(us::parse_graph(us::graph_json(graph)), graph) == "");
}

TEST_CASE("a reader passes over what it does not know and takes slots in any order") {
  const us::Graph graph = us::parse_graph(R"({"comment": [{"a": [1, "x", null, true]}, {}], "version": 2,
    "format": "unspool-graph", "scalar": "float64", "nodes": 4,
    "texts": ["", "model.cpp"], "ops": [["input", ""], ["tanh", ""]], "shapes": [[2, 3]], "parameters": [],
    "slots": ["colour", "shape", "op", "line", "inputs"],
    "segments": [{"count": 1, "rows": [[7, 0, 0, 12, 0]], "note": {"why": 1}},
                 {"rows": [[8, 0, 1, 13, 1, 0]], "count": 3, "strides": [[0, 5, 1]]}]})");
  REQUIRE(graph.nodes.size() == 4);
  CHECK(graph.op_name(graph.nodes[3]) == "tanh");
  CHECK(graph.inputs_of(graph.nodes[3])[0] == 2);
  CHECK(graph.nodes[3].line == 13);
  CHECK(graph.nodes[3].step == 0);
  CHECK(graph.nodes[3].parameter_index == -1);
}

TEST_CASE("a norm of a large graph is read back to the documented error") {
  std::vector<double> numbers;
  for (int i = 0; i < 70'000; ++i) numbers.push_back(std::pow(10.0, -8 + 10.0 * i / 70'000));
  numbers[5] = -1;
  numbers[6] = 0;
  numbers[7] = std::numeric_limits<double>::infinity();
  numbers[8] = std::numeric_limits<double>::quiet_NaN();
  const us::detail::Column c = us::detail::encode_column(numbers, us::detail::ColumnCode::log16);
  REQUIRE(us::detail::is_base64(c.data, 2 * numbers.size()));
  const std::vector<double> read = us::detail::decode_column(c.code, c.low, c.high, c.data, numbers.size());
  const double bound = std::exp2((c.high - c.low) / 131062) - 1;
  CHECK(bound < 0.0002);
  double worst = 0;
  for (std::size_t i = 9; i < numbers.size(); ++i) worst = std::max(worst, std::abs(read[i] / numbers[i] - 1));
  CHECK(worst <= bound * (1 + 1e-9));
  CHECK(worst > bound / 2);
  CHECK(read[5] == -1);
  CHECK(read[6] == 0);
  CHECK(std::isinf(read[7]));
  CHECK(std::isnan(read[8]));
}

TEST_CASE("base64 has one form for every length") {
  for (std::size_t length = 0; length < 9; ++length) {
    const std::vector<double> numbers(length, 0.1);
    const us::detail::Column c = us::detail::encode_column(numbers, us::detail::ColumnCode::f32);
    CHECK(us::detail::is_base64(c.data, 4 * length));
    CHECK_FALSE(us::detail::is_base64(c.data, 4 * length + 1));
    CHECK_FALSE(us::detail::is_base64(c.data + "A", 4 * length));
    for (const double v : us::detail::decode_column(c.code, 0, 0, c.data, length)) CHECK(v == double{0.1f});
  }
}

TEST_CASE("a million nodes with a norm each are a few megabytes") {
  us::Tape<double> tape({.keep_gradient_norms = true});
  us::Var<double> v = tape.variable({1}, std::vector<double>{1});
  for (int i = 0; i < 500'000; ++i) {
    const auto step = tape.step(i);
    v = neg(v) * 0.99999;
  }
  tape.backward(v);
  const us::Graph graph = us::capture(tape);
  const std::string json = us::graph_json(graph);
  CHECK(json.size() < 3'000'000);
  const us::Graph read = us::parse_graph(json);
  CHECK(read.nodes.size() == graph.nodes.size());
  CHECK(read.inputs == graph.inputs);
  CHECK(read.memory == graph.memory);
}

TEST_CASE("a page of a million nodes with the shares of every step stays below five megabytes") {
  us::ParameterSet<double> params(us::Seed{3});
  us::Parameter<double>& W = params.add("W", {1, 1}, us::ones());
  us::Parameter<double>& b = params.add("b", {1}, us::zeros());
  us::Tape<double> tape({.keep_gradient_norms = true, .step_ledger = true});
  us::Var<double> h = tape.variable({1, 1}, std::vector<double>{0.5});
  for (int t = 0; t < 333'334; ++t) {
    const auto step = tape.step(t);
    h = tanh(matmul(h, W) + b);
  }
  tape.backward(sum(h));
  const us::Graph graph = us::capture(tape);
  REQUIRE(graph.nodes.size() > 1'000'000);
  REQUIRE(graph.parameters[0].series.steps.size() == 333'334);
  CHECK(us::graph_html(graph, {.view = us::GraphView::folded}).size() < 5'000'000);
  const us::Graph read = us::parse_graph(us::graph_json(graph));
  for (int k = 0; k < 2; ++k) {
    const us::GraphSeries &all = graph.parameters[k].series, &some = read.parameters[k].series;
    CHECK(some.steps.size() <= 131'072);
    CHECK(some.steps.size() > 50'000);
    const std::size_t every = static_cast<std::size_t>(some.steps[1] - some.steps[0]);
    for (std::size_t i = 0; i < some.steps.size(); i += 997) {
      CHECK(some.steps[i] == all.steps[i * every]);
      CHECK(some.norm[i] == doctest::Approx(all.norm[i * every]).epsilon(0.02));
    }
  }
}
