// Parts of a graph: by scope, by step.
#include <algorithm>
#include <charconv>

#include "base/check.hpp"
#include "dump/pattern.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {
namespace {

using namespace detail;

constexpr std::uint32_t dropped = ~std::uint32_t{0};

// Parameters stay where something that reads them does.
void want_parameters(const Graph& graph, std::vector<std::uint8_t>& wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i] != 0 && graph.nodes[i].parameter_index < 0)
      for (const std::uint32_t input : graph.inputs_of(graph.nodes[i]))
        if (graph.nodes[input].parameter_index >= 0) wanted[input] = 1;
}

std::vector<std::uint8_t> nodes_in_scope(const Graph& graph, const std::string& expression) {
  const Pattern pattern(expression, "select_scope");
  std::vector<std::uint8_t> scope(graph.texts.size());
  for (std::size_t k = 0; k < scope.size(); ++k) scope[k] = pattern.found_in(graph.texts[k]) ? 1 : 0;
  std::vector<std::uint8_t> wanted(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const GraphNode& n = graph.nodes[i];
    wanted[i] = n.parameter_index < 0 && scope[n.scope] != 0;
  }
  want_parameters(graph, wanted);
  return wanted;
}

// One bound of "from:to"; an empty one is `open`.
std::int64_t bound(std::string_view text, std::int64_t count, std::int64_t open) {
  if (text.empty()) return open;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size(), ErrorCode::bad_argument, "select_steps",
          "steps must be given as numbers and from:to, such as \"0:8,-4:\"; given {:?}", text);
  return std::clamp<std::int64_t>(value < 0 ? value + count : value, 0, count);
}

Graph keep(const Graph& graph, const std::vector<std::uint8_t>& wanted) {
  Graph part;
  part.scalar = graph.scalar;
  part.ops = graph.ops;
  part.texts = graph.texts;
  std::vector<std::uint32_t> number(graph.nodes.size(), dropped);
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    if (wanted[i] == 0) continue;
    number[i] = static_cast<std::uint32_t>(part.nodes.size());
    GraphNode n = graph.nodes[i];
    const auto extents = graph.extents_of(n);
    n.first_extent = part.extents.size();
    part.extents.insert(part.extents.end(), extents.begin(), extents.end());
    const auto attrs = graph.attrs_of(n);
    n.first_attr = part.attrs.size();
    part.attrs.insert(part.attrs.end(), attrs.begin(), attrs.end());
    const std::size_t first = part.inputs.size();
    for (const std::uint32_t input : graph.inputs_of(n))
      if (number[input] != dropped) part.inputs.push_back(number[input]);
    n.first_input = first;
    n.input_count = static_cast<std::uint32_t>(part.inputs.size() - first);
    // A view without what it looks into is drawn as a node like any other.
    if (n.input_count == 0) n.flags &= static_cast<std::uint8_t>(~GraphNode::view);
    if (n.parameter_index >= 0) {
      GraphParameter p = graph.parameters[n.parameter_index];
      p.node = number[i];
      n.parameter_index = static_cast<std::int32_t>(part.parameters.size());
      part.parameters.push_back(std::move(p));
    }
    part.nodes.push_back(n);
    if (!graph.values.empty()) part.values.push_back(graph.values[i]);
  }
  if (graph.loss >= 0 && number[graph.loss] != dropped) part.loss = number[graph.loss];
  return part;
}

}  // namespace

Graph select_scope(const Graph& graph, const std::string& expression) {
  return keep(graph, nodes_in_scope(graph, expression));
}

Graph keep_steps(const Graph& graph, std::string_view text) {
  std::vector<std::int64_t> steps;
  for (const GraphNode& n : graph.nodes)
    if (n.step >= 0) steps.push_back(n.step);
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  const std::vector<std::uint8_t> chosen = select_steps(steps, text);
  std::vector<std::uint8_t> wanted(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::int64_t step = graph.nodes[i].step;
    const auto at = std::lower_bound(steps.begin(), steps.end(), step) - steps.begin();
    wanted[i] = graph.nodes[i].parameter_index < 0 && (step < 0 || chosen[static_cast<std::size_t>(at)] != 0);
  }
  want_parameters(graph, wanted);
  return keep(graph, wanted);
}

std::vector<std::uint8_t> select_steps(const std::vector<std::int64_t>& steps, std::string_view text) {
  const std::int64_t count = steps.empty() ? 0 : steps.back() + 1;
  std::vector<std::uint8_t> wanted(steps.size(), text.empty() ? 1 : 0);
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t colon = one.find(':');
    require(!one.empty(), ErrorCode::bad_argument, "select_steps", "steps must not be empty between commas");
    const std::int64_t from = bound(one.substr(0, colon), count, 0);
    const std::int64_t to = colon == std::string_view::npos ? from + 1 : bound(one.substr(colon + 1), count, count);
    const auto first = std::lower_bound(steps.begin(), steps.end(), from) - steps.begin();
    const auto last = std::lower_bound(steps.begin(), steps.end(), to) - steps.begin();
    for (auto k = first; k < last; ++k) wanted[static_cast<std::size_t>(k)] = 1;
  }
  return wanted;
}

}  // namespace unspool
