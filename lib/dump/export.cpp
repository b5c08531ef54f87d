// The graph in other programs' formats.
#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "dump/attr_text.hpp"
#include "dump/escape.hpp"
#include "dump/memory_timeline.hpp"
#include "dump/printer.hpp"
#include "dump/roles.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {
namespace {

using namespace detail;

std::string quoted(std::string_view text) { return '"' + escape_json(text) + '"'; }

std::string norm_text(double norm) { return norm < 0 ? "" : real_text(norm, 6); }

}  // namespace

// http://graphml.graphdrawing.org/specification.html
std::string graph_graphml(const Graph& graph) {
  Printer out;
  out.put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n");
  static constexpr struct {
    const char *name, *type;
  } keys[] = {{"op", "string"},        {"shape", "string"}, {"step", "long"},           {"scope", "string"},
              {"parameter", "string"}, {"attrs", "string"}, {"source", "string"},       {"bytes", "long"},
              {"saved", "long"},       {"flops", "long"},   {"gradient_norm", "double"}};
  for (const auto& key : keys)
    out.put("<key id=\"{0}\" for=\"node\" attr.name=\"{0}\" attr.type=\"{1}\"/>\n", key.name, key.type);
  out.put(
      "<key id=\"operand\" for=\"edge\" attr.name=\"operand\" attr.type=\"int\"/>\n"
      "<graph id=\"unspool\" edgedefault=\"directed\">\n");
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& n = graph.nodes[i];
    const auto data = [&](const char* key, const std::string& value) {
      if (!value.empty()) out.put("<data key=\"{}\">{}</data>", key, escape_xml(value));
    };
    out.put("<node id=\"n{}\">", i);
    data("op", graph.op_name(n));
    data("shape", shape_text(graph, n));
    if (n.step >= 0) data("step", fmt::format("{}", n.step));
    data("scope", graph.scope_of(n));
    if (n.parameter_index >= 0) data("parameter", graph.parameters[n.parameter_index].name);
    data("attrs", attrs_text(graph, n));
    if (n.line > 0) data("source", fmt::format("{}:{}", graph.file_of(n), n.line));
    data("bytes", fmt::format("{}", n.value_bytes));
    data("saved", fmt::format("{}", n.saved_bytes));
    data("flops", fmt::format("{}", n.flops));
    // XML Schema writes INF and NaN.
    if (!(n.gradient_norm < 0))
      data("gradient_norm", std::isnan(n.gradient_norm)   ? "NaN"
                            : std::isinf(n.gradient_norm) ? "INF"
                                                          : real_text(n.gradient_norm));
    out.put("</node>\n");
  }
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const auto inputs = graph.inputs_of(graph.nodes[i]);
    for (std::size_t k = 0; k < inputs.size(); ++k)
      out.put("<edge source=\"n{}\" target=\"n{}\"><data key=\"operand\">{}</data></edge>\n", inputs[k], i, k);
  }
  out.put("</graph>\n</graphml>\n");
  return out.text();
}

// Trace Event Format, which Perfetto reads. A microsecond stands for a thousand flops, at least one for a node.
std::string graph_perfetto(const Graph& graph) {
  Printer out;
  out.put(
      "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
      "{{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{{\"name\":\"unspool\"}}}},\n"
      "{{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"thread_name\",\"args\":{{\"name\":\"forward\"}}}},\n"
      "{{\"ph\":\"M\",\"pid\":1,\"tid\":2,\"name\":\"thread_name\",\"args\":{{\"name\":\"backward\"}}}}");
  double now = 0;
  for_each_moment(graph, [&](const MemoryMoment& m) {
    const GraphNode& n = graph.nodes[m.node];
    const bool visited = !m.backward || (!m.flush && !(n.gradient_norm < 0));
    // A backward visit costs twice what the forward computation did.
    const double duration = std::max(1.0, static_cast<double>(n.flops) / 1000) * (m.backward ? 2 : 1);
    if (visited && n.input_count > 0) {
      out.put(
          ",\n{{\"ph\":\"X\",\"pid\":1,\"tid\":{},\"ts\":{:.3f},\"dur\":{:.3f},\"name\":{},\"cat\":{},\"args\":{{"
          "\"node\":{},\"shape\":{},\"flops\":{}",
          m.backward ? 2 : 1, now, duration, quoted(graph.op_name(n)), quoted(graph.scope_of(n)), m.node,
          quoted(shape_text(graph, n)), n.flops);
      if (n.step >= 0) out.put(",\"t\":{}", n.step);
      if (!(n.gradient_norm < 0)) out.put(",\"gradient_norm\":{}", quoted(norm_text(n.gradient_norm)));
      out.put("}}}}");
      now += duration;
    }
    out.put(
        ",\n{{\"ph\":\"C\",\"pid\":1,\"ts\":{:.3f},\"name\":\"memory\",\"args\":{{\"values\":{},\"saved\":{},"
        "\"bookkeeping\":{},\"gradients\":{},\"scratch\":{}}}}}",
        now, m.values, m.saved, m.bookkeeping, m.gradients, m.scratch);
  });
  out.put("\n]}}\n");
  return out.text();
}

// A collection of one graph; a step is the innermost namespace, so that steps open and close as one.
std::string graph_model_explorer(const Graph& graph) {
  Printer out;
  out.put("{{\"label\":\"unspool\",\"graphs\":[{{\"id\":\"tape\",\"nodes\":[");
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& n = graph.nodes[i];
    std::string space = graph.scope_of(n);
    if (n.step >= 0) space += fmt::format("{}t={}", space.empty() ? "" : "/", n.step);
    const bool parameter = n.parameter_index >= 0;
    out.put("{}\n{{\"id\":\"{}\",\"label\":{},\"namespace\":{},\"attrs\":[", i == 0 ? "" : ",", i,
            quoted(parameter ? graph.parameters[n.parameter_index].name : graph.op_name(n)), quoted(space));
    const char* comma = "";
    const auto attr = [&](const char* key, const std::string& value) {
      if (value.empty()) return;
      out.put("{}{{\"key\":\"{}\",\"value\":{}}}", comma, key, quoted(value));
      comma = ",";
    };
    attr("attributes", attrs_text(graph, n));
    attr("source", n.line == 0 ? "" : fmt::format("{}:{}", graph.file_of(n), n.line));
    attr("bytes", fmt::format("{}", n.value_bytes));
    attr("flops", fmt::format("{}", n.flops));
    attr("gradient norm", norm_text(n.gradient_norm));
    out.put("],\"incomingEdges\":[");
    const auto inputs = graph.inputs_of(n);
    for (std::size_t k = 0; k < inputs.size(); ++k)
      out.put("{}{{\"sourceNodeId\":\"{}\",\"sourceNodeOutputId\":\"0\",\"targetNodeInputId\":\"{}\"}}",
              k == 0 ? "" : ",", inputs[k], k);
    out.put("],\"outputsMetadata\":[{{\"id\":\"0\",\"attrs\":[{{\"key\":\"tensor_shape\",\"value\":{}}}]}}]}}",
            quoted(std::string(scalar_name(graph.scalar)) + shape_text(graph, n)));
  }
  out.put("\n]}}]}}\n");
  return out.text();
}

}  // namespace unspool
