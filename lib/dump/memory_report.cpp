// Who holds memory at the peak, and what a budget would cost.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "dump/memory_timeline.hpp"
#include "dump/roles.hpp"
#include "unspool/graph_analysis.hpp"
#include "unspool/plan.hpp"

namespace unspool {
namespace {

using namespace detail;

std::vector<MemoryHolder> holders_at(const Graph& graph, const MemoryMoment& peak) {
  std::map<std::string, MemoryHolder> by_name;
  const auto add = [&](const char* kind, std::uint32_t i, std::int64_t bytes) {
    if (bytes == 0) return;
    const GraphNode& n = graph.nodes[i];
    std::string what = fmt::format("{} of {}", kind, graph.op_name(n));
    if (n.scope != 0) what += " in " + graph.scope_of(n);
    MemoryHolder& h = by_name[what];
    h.what = what;
    h.bytes += bytes;
    ++h.count;
  };
  const std::uint32_t recorded = peak.backward ? static_cast<std::uint32_t>(graph.nodes.size()) : peak.node + 1;
  for (std::uint32_t i = 0; i < recorded; ++i) {
    const GraphNode& n = graph.nodes[i];
    if (n.parameter_index < 0) add("value", i, n.value_bytes);
    add("saved for backward", i, n.saved_bytes);
    if (!peak.backward || graph.memory.empty()) continue;
    // Alive in the visit of the peak: born in it or before it, which is at a greater id, and not yet freed.
    const GraphMemory& m = graph.memory[i];
    const bool born = m.gradient_born != GraphMemory::never &&
                      (m.gradient_born > peak.node || (m.gradient_born == peak.node && !peak.flush));
    const bool freed =
        m.gradient_freed != GraphMemory::never &&
        (m.gradient_freed > peak.node || (m.gradient_freed == peak.node && i != peak.node && !peak.flush));
    if (born && !freed) add("gradient", i, m.gradient_bytes);
  }
  std::vector<MemoryHolder> holders;
  for (auto& [name, h] : by_name) holders.push_back(std::move(h));
  std::stable_sort(holders.begin(), holders.end(),
                   [](const MemoryHolder& a, const MemoryHolder& b) { return a.bytes > b.bytes; });
  return holders;
}

}  // namespace

MemoryReport memory_report(const Graph& graph) {
  MemoryReport report;
  MemoryMoment peak;
  for_each_moment(graph, [&](const MemoryMoment& m) {
    if (m.total() > peak.total()) peak = m;
  });
  report.peak_bytes = peak.total();
  report.peak_tick = peak.tick;
  report.peak_node = peak.node;
  report.peak_in_backward = peak.backward;
  report.peak_in_flush = peak.flush;
  report.values = peak.values;
  report.saved = peak.saved;
  report.bookkeeping = peak.bookkeeping;
  report.gradients = peak.gradients;
  report.scratch = peak.scratch;
  if (!graph.nodes.empty()) report.holders = holders_at(graph, peak);
  return report;
}

BudgetReport budget_report(const Graph& graph, std::int64_t bytes) {
  BudgetReport report;
  const std::vector<Role> roles = roles_in_time(graph);
  std::vector<std::int64_t> steps;
  std::int64_t in_steps = 0, states = 0, all = 0;
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& n = graph.nodes[i];
    const std::int64_t own = graph.memory.empty() ? (n.parameter_index >= 0 ? 0 : n.value_bytes) + n.saved_bytes
                                                  : graph.memory[i].arena_bytes;
    all += own;
    if (n.step < 0) continue;
    steps.push_back(n.step);
    in_steps += own;
    if (roles[i] == Role::state) states += n.value_bytes;
  }
  std::sort(steps.begin(), steps.end());
  report.steps = std::unique(steps.begin(), steps.end()) - steps.begin();
  if (report.steps == 0) return report;
  report.step_bytes = in_steps / report.steps;
  report.state_bytes = std::max<std::int64_t>(1, states / report.steps);
  report.fixed_bytes = all - in_steps + graph.gradient_bytes_peak;
  report.least_bytes = report.fixed_bytes + least_budget(report.steps, report.step_bytes, report.state_bytes);
  report.possible = bytes >= report.least_bytes;
  if (!report.possible) return report;
  const Plan best = plan(report.steps, report.step_bytes, report.state_bytes, bytes - report.fixed_bytes);
  report.stored_states = best.stored_states;
  report.kept_steps = best.kept_steps;
  report.extra_steps = best.forwards - report.steps;
  report.time_factor = best.slowdown();
  return report;
}

}  // namespace unspool
