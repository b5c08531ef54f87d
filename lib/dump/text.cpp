// The graph as lines of text: parameters first, then a node a line in recording order.
#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "dump/attr_text.hpp"
#include "dump/escape.hpp"
#include "dump/printer.hpp"

namespace unspool {
namespace {

bool is_plain(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || c == '/';
  });
}

class TextWriter : detail::Printer {
 public:
  explicit TextWriter(const Graph& graph) : graph_(graph) { name_parameters(); }

  std::string run() {
    head();
    for (const GraphParameter& p : graph_.parameters) line(p.node);
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (graph_.nodes[i].parameter_index < 0) line(i);
    return text();
  }

 private:
  // A parameter is called by its name where the name is one word and no other parameter has it, else by its number.
  void name_parameters() {
    std::unordered_set<std::string_view> seen;
    std::unordered_set<std::string_view> twice;
    for (const GraphParameter& p : graph_.parameters)
      if (!seen.insert(p.name).second) twice.insert(p.name);
    for (const GraphParameter& p : graph_.parameters)
      called_.push_back(is_plain(p.name) && !twice.contains(p.name) ? p.name : fmt::format("%{}", p.node));
  }

  void head() {
    std::int64_t bytes = 0;
    std::int64_t flops = 0;
    std::unordered_set<std::int64_t> steps;
    for (const GraphNode& n : graph_.nodes) {
      bytes += n.value_bytes + n.saved_bytes;
      flops += n.flops;
      if (n.step >= 0) steps.insert(n.step);
    }
    put("# unspool graph 1: {} nodes, {} parameters, {} steps, {}, {} bytes, {} flops\n", graph_.nodes.size(),
        graph_.parameters.size(), steps.size(), scalar_name(graph_.scalar), bytes, flops);
  }

  void line(std::uint32_t index) {
    const GraphNode& n = graph_.nodes[index];
    put("%{}:{} = ", index, detail::bracketed(graph_.extents_of(n)));
    if (n.parameter_index >= 0)
      put("parameter {}", escape(graph_.parameters[n.parameter_index].name));
    else
      call(n);
    if (n.has(GraphNode::view)) put("  view");
    if (n.parameter_index >= 0 && !n.has(GraphNode::needs_grad)) put("  frozen");
    if (n.has(GraphNode::severed)) put("  severed");
    if (!(n.gradient_norm < 0)) put("  grad={}", detail::real_text(n.gradient_norm, 6));
    labels(n);
    put("\n");
  }

  void call(const GraphNode& n) {
    put("{}(", escape(graph_.op_name(n)));
    const char* comma = "";
    for (const std::uint32_t input : graph_.inputs_of(n)) {
      put("{}", comma);
      operand(input);
      comma = ", ";
    }
    const std::string attrs = attrs_text(graph_, n);
    if (!attrs.empty()) put("{}{}", n.input_count == 0 ? "" : "; ", escape(attrs));
    put(")");
  }

  void operand(std::uint32_t input) {
    const std::int32_t parameter = graph_.nodes[input].parameter_index;
    if (parameter >= 0)
      put("{}", called_[parameter]);
    else
      put("%{}", input);
  }

  void labels(const GraphNode& n) {
    const std::string& scope = graph_.scope_of(n);
    if (n.step >= 0) put("  t={}", n.step);
    if (!scope.empty()) put("{}{}", n.step >= 0 ? " " : "  ", escape(scope));
    if (n.line != 0) put("  {}:{}", escape(graph_.file_of(n)), n.line);
  }

  static std::string escape(std::string_view text) { return detail::escape_text(text); }

  const Graph& graph_;
  std::vector<std::string> called_;
};

}  // namespace

std::string graph_text(const Graph& graph) { return TextWriter(graph).run(); }

}  // namespace unspool
