// The graph as JSON, version 1; docs/graph-format.md lists the fields. A node a line, so that two files can be
// compared.
#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "dump/attr_text.hpp"
#include "dump/escape.hpp"

namespace unspool {
namespace {

class JsonWriter {
 public:
  explicit JsonWriter(const Graph& graph) : graph_(graph) {}

  std::string run() {
    put("{{\n\"format\": \"unspool-graph\",\n\"version\": 1,\n\"scalar\": \"{}\",\n\"parameters\": [",
        scalar_name(graph_.scalar));
    const char* comma = "\n";
    for (const GraphParameter& p : graph_.parameters) {
      put("{}{{\"node\":{},\"name\":{},\"trainable\":{},\"gradient_norm\":{}}}", comma, p.node, quoted(p.name),
          p.trainable, norm(p.gradient_norm));
      comma = ",\n";
    }
    put("\n],\n\"nodes\": [");
    comma = "\n";
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      put("{}", comma);
      node(i);
      comma = ",\n";
    }
    put("\n]\n}}\n");
    return fmt::to_string(out_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
  }

  static std::string quoted(std::string_view text) { return '"' + detail::escape_json(text) + '"'; }

  // JSON has no NaN and no infinity: they are written as strings.
  static std::string number(double value) {
    return std::isfinite(value) ? detail::real_text(value) : '"' + detail::real_text(value) + '"';
  }
  static std::string norm(double value) { return value < 0 ? "null" : number(value); }

  void node(std::uint32_t index) {
    const GraphNode& n = graph_.nodes[index];
    put("{{\"id\":{},\"op\":{},\"inputs\":[{}],\"shape\":[{}],\"attrs\":{{", index, quoted(graph_.op_name(n)),
        detail::join(graph_.inputs_of(n)), detail::join(graph_.extents_of(n)));
    attributes(n);
    put("}},\"step\":{},\"scope\":{},\"file\":{},\"line\":{}", n.step < 0 ? "null" : std::to_string(n.step),
        quoted(graph_.scope_of(n)), quoted(graph_.file_of(n)), n.line);
    put(",\"value_bytes\":{},\"saved_bytes\":{},\"flops\":{}", n.value_bytes, n.saved_bytes, n.flops);
    put(",\"view\":{},\"needs_grad\":{},\"severed\":{}", n.has(GraphNode::view), n.has(GraphNode::needs_grad),
        n.has(GraphNode::severed));
    put(",\"parameter\":{},\"gradient_norm\":{}}}", n.parameter_index < 0 ? "null" : std::to_string(n.parameter_index),
        norm(n.gradient_norm));
  }

  void attributes(const GraphNode& n) {
    const char* comma = "";
    for (const detail::Attribute& a : detail::attributes(graph_, n)) {
      put("{}{}:", comma, quoted(a.name));
      switch (a.kind) {
        case detail::Attribute::Kind::integer:
          put("{}", a.words[0]);
          break;
        case detail::Attribute::Kind::boolean:
          put("{}", a.words[0] != 0);
          break;
        case detail::Attribute::Kind::real:
          put("{}", number(a.real()));
          break;
        case detail::Attribute::Kind::list:
          put("{}", detail::bracketed(a.words));
          break;
      }
      comma = ",";
    }
  }

  const Graph& graph_;
  fmt::memory_buffer out_;
};

}  // namespace

std::string graph_json(const Graph& graph) { return JsonWriter(graph).run(); }

}  // namespace unspool
