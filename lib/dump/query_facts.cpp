#include "dump/query_facts.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace unspool::detail {

NodeFacts::NodeFacts(const Graph& graph)
    : graph_(graph), placement_(place(as_drawn(graph, false))), roles_(find_roles(graph, placement_)) {}

bool NodeFacts::is_text(std::string_view key) {
  for (const char* known : {"op", "scope", "file", "shape", "role", "param", "parameter"})
    if (key == known) return true;
  return false;
}

bool NodeFacts::is_number(std::string_view key) {
  for (const char* known :
       {"t", "step", "id", "line", "bytes", "saved", "flops", "nonfinite", "grad", "norm", "gradnorm"})
    if (key == known) return true;
  return false;
}

std::vector<std::string> NodeFacts::texts(std::string_view key, std::uint32_t node) const {
  static constexpr const char* roles[] = {"op", "input", "constant", "state", "loss"};
  const GraphNode& n = graph_.nodes[node];
  if (key == "op") return {graph_.op_name(n)};
  if (key == "scope") return {graph_.scope_of(n)};
  if (key == "file") return {graph_.file_of(n)};
  if (key == "shape") return {shape(node)};
  if (key == "role") return {roles[static_cast<int>(roles_[node])]};
  return parameters(node);
}

double NodeFacts::number(std::string_view key, std::uint32_t node, bool& known) const {
  const GraphNode& n = graph_.nodes[node];
  known = true;
  if (key == "t" || key == "step") return static_cast<double>(n.step);
  if (key == "id") return node;
  if (key == "line") return n.line;
  if (key == "bytes") return static_cast<double>(n.value_bytes);
  if (key == "saved") return static_cast<double>(n.saved_bytes);
  if (key == "flops") return static_cast<double>(n.flops);
  if (key == "nonfinite") {
    known = !graph_.values.empty();
    return known ? static_cast<double>(graph_.values[node].nonfinite) : 0;
  }
  known = !(n.gradient_norm < 0);
  return n.gradient_norm;
}

std::vector<std::string> NodeFacts::parameters(std::uint32_t node) const {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    names.push_back(name);
    if (const std::size_t dot = name.find_last_of('.'); dot != std::string::npos) names.push_back(name.substr(dot + 1));
  };
  const std::int32_t own = graph_.nodes[node].parameter_index;
  if (own >= 0) add(graph_.parameters[own].name);
  for (const std::uint32_t k : parameters_of(graph_, placement_, node)) add(graph_.parameters[k].name);
  return names;
}

std::string NodeFacts::shape(std::uint32_t node) const {
  std::string text = join(graph_.extents_of(graph_.nodes[node]));
  std::replace(text.begin(), text.end(), ',', 'x');
  return text;
}

bool matches_mask(std::string_view text, std::string_view mask) {
  // The last * that was passed is the only one that is ever taken back.
  std::size_t t = 0, m = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (m < mask.size() && mask[m] == '*') {
      star = m++;
      mark = t;
    } else if (m < mask.size() && mask[m] == text[t]) {
      ++m, ++t;
    } else if (star != std::string_view::npos) {
      m = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (m < mask.size() && mask[m] == '*') ++m;
  return m == mask.size();
}

}  // namespace unspool::detail
