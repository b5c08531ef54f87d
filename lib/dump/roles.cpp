#include "dump/roles.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "dump/attr_text.hpp"
#include "dump/escape.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.3g} kB", static_cast<double>(bytes) / 1e3);
  if (bytes < 1'000'000'000) return fmt::format("{:.3g} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{:.4g} GB", static_cast<double>(bytes) / 1e9);
}

std::string node_line(const Graph& graph, std::uint32_t node) {
  const GraphNode& n = graph.nodes[node];
  std::string text =
      fmt::format("%{} {} {}", node, detail::escape_text(graph.op_name(n)), detail::bracketed(graph.extents_of(n)));
  if (n.parameter_index >= 0) text += " " + detail::escape_text(graph.parameters[n.parameter_index].name);
  if (n.step >= 0) text += fmt::format(" t={}", n.step);
  if (n.scope != 0) text += " " + detail::escape_text(graph.scope_of(n));
  if (n.line != 0) text += fmt::format(" {}:{}", detail::escape_text(graph.file_of(n)), n.line);
  return text;
}

}  // namespace unspool

namespace unspool::detail {
namespace {

bool one_value(const Graph& graph, const GraphNode& n) {
  const std::span<const std::int64_t> extents = graph.extents_of(n);
  return std::all_of(extents.begin(), extents.end(), [](std::int64_t e) { return e == 1; });
}

// A single number made from several, or from such numbers, and read by nothing else.
std::vector<std::uint8_t> find_losses(const Graph& graph, const Placement& p) {
  const std::uint32_t count = static_cast<std::uint32_t>(graph.nodes.size());
  std::vector<std::uint8_t> loss(count, 0);
  for (std::uint32_t i = 0; i < count; ++i) {
    const GraphNode& n = graph.nodes[i];
    if (!p.is_drawn(i) || !one_value(graph, n)) continue;
    for (const std::uint32_t input : graph.inputs_of(n)) {
      const std::uint32_t from = p.drawn_as[input];
      if (loss[from] != 0 || (graph.nodes[from].parameter_index < 0 && !one_value(graph, graph.nodes[from])))
        loss[i] = 1;
    }
  }
  for (std::uint32_t i = count; i-- > 0;)
    if (p.is_drawn(i) && loss[i] == 0)
      for (const std::uint32_t input : graph.inputs_of(graph.nodes[i])) loss[p.drawn_as[input]] = 0;
  return loss;
}

}  // namespace

std::vector<Role> find_roles(const Graph& graph, const Placement& p) {
  const std::vector<std::uint8_t> loss = find_losses(graph, p);
  std::vector<Role> roles(graph.nodes.size(), Role::op);
  for (std::uint32_t i = 0; i < roles.size(); ++i) {
    const GraphNode& n = graph.nodes[i];
    if (n.input_count == 0)
      roles[i] = graph.op_name(n) == "constant" ? Role::constant : Role::input;
    else if (loss[i] != 0)
      roles[i] = Role::loss;
    else if (p.carried[i] != 0)
      roles[i] = Role::state;
  }
  return roles;
}

std::vector<Role> roles_in_time(const Graph& graph) {
  const Graph drawn = as_drawn(graph, true);
  return find_roles(drawn, place(drawn));
}

std::vector<std::uint32_t> parameters_of(const Graph& graph, const Placement& p, std::uint32_t node) {
  std::vector<std::uint32_t> found;
  for (const std::uint32_t input : graph.inputs_of(graph.nodes[node])) {
    const std::int32_t index = graph.nodes[p.drawn_as[input]].parameter_index;
    if (index >= 0 && std::find(found.begin(), found.end(), static_cast<std::uint32_t>(index)) == found.end())
      found.push_back(static_cast<std::uint32_t>(index));
  }
  return found;
}

std::vector<std::int64_t> parameter_uses(const Graph& graph, const Placement& p) {
  std::vector<std::int64_t> uses(graph.parameters.size(), 0);
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
    if (p.is_drawn(i))
      for (const std::uint32_t index : parameters_of(graph, p, i)) ++uses[index];
  return uses;
}

const char* parameter_color(std::uint32_t parameter) {
  static constexpr const char* colors[] = {"#7b4fb5", "#c2417c", "#00796b", "#b3541e", "#3949ab",
                                           "#6d4c41", "#5b7f1c", "#ad3a3a", "#00739e", "#8a6d00"};
  return colors[parameter % std::size(colors)];
}

std::string parameter_symbol(const std::string& name) {
  std::string text = name.substr(name.find_last_of('.') + 1);  // npos + 1 is 0
  const auto letter = [&](std::string_view word, char symbol) {
    if (text.starts_with(word) && (text.size() == word.size() || text[word.size()] == '_'))
      text.replace(0, word.size(), 1, symbol);
  };
  letter("weight", 'W');
  letter("bias", 'b');
  // The layer and the direction are said by where the node stands.
  if (text.ends_with("_reverse")) text.resize(text.size() - 8);
  const std::size_t layer = text.rfind("_l");
  if (layer != std::string::npos && layer + 2 < text.size() &&
      text.find_first_not_of("0123456789", layer + 2) == std::string::npos)
    text.resize(layer);
  return shorten(text, 9);
}

std::string short_name(const std::string& name, std::size_t limit) {
  if (shorten(name, limit) == name) return name;
  return shorten(std::string_view(name).substr(name.find_last_of('.') + 1), limit);  // npos + 1 is 0
}

std::string shape_text(const Graph& graph, const GraphNode& node) { return bracketed(graph.extents_of(node)); }

std::string describe_node(const Graph& graph, std::uint32_t node) {
  const GraphNode& n = graph.nodes[node];
  std::string text = fmt::format("%{} {} {}", node, graph.op_name(n), shape_text(graph, n));
  std::string operands;
  std::size_t listed = 0;
  for (const std::uint32_t input : graph.inputs_of(n)) {
    if (++listed > 8) break;
    const std::int32_t parameter = graph.nodes[input].parameter_index;
    operands += operands.empty() ? "" : ", ";
    operands += parameter >= 0 ? graph.parameters[parameter].name : fmt::format("%{}", input);
  }
  if (n.input_count > 8) operands += fmt::format(", ... {} in all", n.input_count);
  if (!operands.empty()) text += fmt::format("\nof {}", operands);
  if (const std::string attrs = attrs_text(graph, n); !attrs.empty()) text += fmt::format("\n{}", attrs);
  if (n.step >= 0) text += fmt::format("\nt = {}", n.step);
  if (n.scope != 0) text += fmt::format("{}{}", n.step >= 0 ? ", " : "\n", graph.scope_of(n));
  if (n.line != 0) text += fmt::format("\n{}:{}", graph.file_of(n), n.line);
  text += n.has(GraphNode::view) ? "\nview, no memory of its own" : "\n" + bytes_text(n.value_bytes);
  if (n.saved_bytes > 0) text += fmt::format(", {} kept beside it", bytes_text(n.saved_bytes));
  if (n.flops > 0) text += fmt::format(", {} flops", n.flops);
  if (!(n.gradient_norm < 0)) text += fmt::format("\ngradient norm {}", real_text(n.gradient_norm, 4));
  return text;
}

std::string describe_parameter(const Graph& graph, std::uint32_t parameter, std::int64_t uses) {
  const GraphParameter& p = graph.parameters[parameter];
  std::string text = fmt::format("{}\n{}, read {} times{}", p.name, shape_text(graph, graph.nodes[p.node]), uses,
                                 p.trainable ? "" : ", frozen");
  if (!(p.gradient_norm < 0)) text += fmt::format("\ngradient norm {}", real_text(p.gradient_norm, 4));
  return text;
}

}  // namespace unspool::detail
