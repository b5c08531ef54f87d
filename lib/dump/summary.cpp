#include <algorithm>

#include "dump/folding.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {

GraphSummary summarize(const Graph& graph) {
  GraphSummary s;
  s.nodes = static_cast<std::int64_t>(graph.nodes.size());
  s.edges = static_cast<std::int64_t>(graph.inputs.size());
  s.parameters = static_cast<std::int64_t>(graph.parameters.size());
  for (const GraphParameter& p : graph.parameters) {
    std::int64_t values = 1;
    for (const std::int64_t extent : graph.extents_of(graph.nodes[p.node])) values *= extent;
    // A file may claim more than there can be.
    if (__builtin_add_overflow(s.parameter_values, values, &s.parameter_values)) s.parameter_values = INT64_MAX;
  }
  std::vector<std::uint32_t> depth(graph.nodes.size(), 0);
  std::vector<std::int64_t> steps;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& n = graph.nodes[i];
    s.views += n.has(GraphNode::view) ? 1 : 0;
    s.flops += n.flops;
    s.value_bytes += n.value_bytes;
    s.saved_bytes += n.saved_bytes;
    if (n.step >= 0 && (steps.empty() || steps.back() != n.step)) steps.push_back(n.step);
    for (const std::uint32_t input : graph.inputs_of(n)) depth[i] = std::max(depth[i], depth[input] + 1);
    s.longest_path = std::max<std::int64_t>(s.longest_path, depth[i]);
  }
  std::sort(steps.begin(), steps.end());
  s.steps = std::unique(steps.begin(), steps.end()) - steps.begin();
  s.arena_bytes = graph.arena_bytes;
  s.gradient_bytes_peak = graph.gradient_bytes_peak;
  s.peak_bytes = memory_report(graph).peak_bytes;
  std::vector<std::vector<std::int64_t>> shapes;
  std::int64_t reach = 0;
  for (const detail::Run& run : detail::find_runs(graph, detail::number_shapes(graph, shapes))) {
    if (std::int64_t{run.period} * run.count <= reach) continue;
    reach = std::int64_t{run.period} * run.count;
    s.period = run.period;
    s.repetitions = run.count;
  }
  return s;
}

Graph with_found_steps(Graph graph) {
  for (const GraphNode& n : graph.nodes)
    if (n.step >= 0) return graph;
  std::vector<std::vector<std::int64_t>> shapes;
  detail::Run longest;
  for (const detail::Run& run : detail::find_runs(graph, detail::number_shapes(graph, shapes)))
    if (std::uint64_t{run.period} * run.count > std::uint64_t{longest.period} * longest.count) longest = run;
  // One node after the other is a chain and no sequence of steps.
  if (longest.period < 2) return graph;
  for (std::uint32_t i = longest.first; i < longest.end(); ++i)
    if (graph.nodes[i].parameter_index < 0) graph.nodes[i].step = (i - longest.first) / longest.period;
  return graph;
}

std::string_view verdict_name(GradientVerdict verdict) {
  constexpr std::string_view names[] = {"unknown", "steady", "vanishing", "exploding", "nonfinite"};
  return names[static_cast<int>(verdict)];
}

}  // namespace unspool
