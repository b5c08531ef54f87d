// How gradients fare on their way back through the steps, and where the first NaN came from.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "dump/attr_text.hpp"
#include "dump/roles.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {
namespace {

using namespace detail;

constexpr double far_apart = 1000;  // end to end, where gradients are said to vanish or explode
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Least squares of log(norm) over the steps; what is zero or not finite has no logarithm.
double fitted_decay(const std::vector<double>& norms) {
  double count = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (!(norms[i] > 0) || std::isinf(norms[i])) continue;
    const double x = static_cast<double>(norms.size() - 1 - i), y = std::log(norms[i]);  // x: steps back
    count += 1, sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  const double spread = count * sxx - sx * sx;
  return count < 2 || !(spread > 0) ? not_a_number : std::exp((count * sxy - sx * sy) / spread);
}

GradientVerdict verdict_of(const GradientCourse& c) {
  if (std::any_of(c.norms.begin(), c.norms.end(), [](double n) { return !std::isfinite(n); }))
    return GradientVerdict::nonfinite;
  if (c.norms.size() < 3 || c.norms.back() == 0) return GradientVerdict::unknown;
  if (c.end_to_end < 1 / far_apart) return GradientVerdict::vanishing;
  return c.end_to_end > far_apart ? GradientVerdict::exploding : GradientVerdict::steady;
}

std::vector<GradientCourse> find_courses(const Graph& graph) {
  const std::vector<Role> roles = roles_in_time(graph);
  std::map<std::uint32_t, GradientCourse> courses;  // by scope
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& n = graph.nodes[i];
    if (n.step < 0 || n.gradient_norm < 0 || roles[i] != Role::state) continue;
    GradientCourse& c = courses[n.scope];
    if (c.steps.empty() || c.steps.back() != n.step) {
      c.steps.push_back(n.step);
      c.norms.push_back(0);
    }
    double& norm = c.norms.back();
    norm = std::isnan(n.gradient_norm) ? n.gradient_norm : std::hypot(norm, n.gradient_norm);
  }
  std::vector<GradientCourse> found;
  for (auto& [scope, c] : courses) {
    c.scope = graph.texts[scope];
    c.decay = fitted_decay(c.norms);
    c.end_to_end = c.norms.front() / c.norms.back();
    c.verdict = verdict_of(c);
    found.push_back(std::move(c));
  }
  return found;
}

std::string range_text(const GraphValues& v) {
  std::string text =
      std::isnan(v.min) ? "no finite value" : fmt::format("from {} to {}", real_text(v.min, 4), real_text(v.max, 4));
  if (v.nonfinite > 0) text += fmt::format(", {} not finite", v.nonfinite);
  return text;
}

FirstNonfinite first_value(const Graph& graph) {
  FirstNonfinite first;
  // What steps wrote into later is not where it came from.
  const std::vector<std::uint8_t> written = written_by_steps(graph);
  for (std::uint32_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].nonfinite == 0 || written[i] != 0) continue;
    first = {true, false, i, ""};
    const GraphNode& n = graph.nodes[i];
    if (n.input_count == 0) {
      first.explanation = fmt::format("it was put in: {}", range_text(graph.values[i]));
      return first;
    }
    // Operands stand before their reader, so those of the first are finite.
    first.explanation = fmt::format("{} of its elements are not finite; its operands are:", graph.values[i].nonfinite);
    for (const std::uint32_t input : graph.inputs_of(n)) {
      first.explanation += fmt::format("\n  {}: {}", node_line(graph, input), range_text(graph.values[input]));
      if (first.explanation.size() > 2000) break;
    }
    return first;
  }
  return first;
}

// The walk goes from the last node to the first.
FirstNonfinite first_gradient(const Graph& graph) {
  FirstNonfinite first;
  for (std::uint32_t i = static_cast<std::uint32_t>(graph.nodes.size()); i-- > 0;) {
    const double norm = graph.nodes[i].gradient_norm;
    if (norm < 0 || std::isfinite(norm) || graph.nodes[i].parameter_index >= 0) continue;
    first = {true, true, i, fmt::format("its gradient's norm is {}; what reads it received:", real_text(norm))};
    int readers = 0;
    for (std::uint32_t reader = i + 1; reader < graph.nodes.size() && readers < 8; ++reader) {
      const auto inputs = graph.inputs_of(graph.nodes[reader]);
      if (std::find(inputs.begin(), inputs.end(), i) == inputs.end()) continue;
      first.explanation += fmt::format(
          "\n  {}: norm {}", node_line(graph, reader),
          graph.nodes[reader].gradient_norm < 0 ? "not known" : real_text(graph.nodes[reader].gradient_norm, 4));
      ++readers;
    }
    return first;
  }
  for (const GraphParameter& p : graph.parameters)
    if (!(p.gradient_norm < 0) && !std::isfinite(p.gradient_norm))
      return {true, true, p.node, "every node's gradient is finite, and the sum over the steps is not"};
  return first;
}

}  // namespace

GradientReport gradient_report(const Graph& graph) {
  GradientReport report;
  report.courses = find_courses(graph);
  for (const GradientCourse& c : report.courses) report.verdict = std::max(report.verdict, c.verdict);
  report.first = first_value(graph);
  if (!report.first.found) report.first = first_gradient(graph);
  if (report.first.found) report.verdict = GradientVerdict::nonfinite;
  return report;
}

}  // namespace unspool
