// The ledger: gradient norms by step.
#include <algorithm>
#include <cmath>
#include <map>

#include "dump/roles.hpp"

namespace unspool {
namespace {

bool inside(const std::string& scope, const std::string& of) {
  return of.empty() || scope == of || (scope.size() > of.size() && scope.starts_with(of) && scope[of.size()] == '/');
}

}  // namespace

std::vector<StepGradient> gradient_by_step(const Graph& graph, const StepSelect& select) {
  const std::vector<detail::Role> roles = detail::roles_in_time(graph);
  std::map<std::int64_t, StepGradient> steps;
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& n = graph.nodes[i];
    if (n.step < 0 || n.gradient_norm < 0) continue;
    if (select.carried && roles[i] != detail::Role::state) continue;
    if (!select.op.empty() && graph.op_name(n) != select.op) continue;
    if (!inside(graph.scope_of(n), select.scope)) continue;
    StepGradient& s = steps.try_emplace(n.step, StepGradient{n.step, 0, 0}).first->second;
    s.norm = std::hypot(s.norm, n.gradient_norm);  // no overflow where gradients explode
    ++s.nodes;
  }
  std::vector<StepGradient> ledger;
  for (const auto& [step, s] : steps) ledger.push_back(s);
  return ledger;
}

}  // namespace unspool
