// Files: the format by name, written whole or not at all.
#include "base/check.hpp"
#include "files/atomic_file.hpp"
#include "unspool/graph.hpp"

namespace unspool {
namespace {

GraphFormat format_of(const std::string& path) {
  const std::string_view file = std::string_view(path).substr(path.find_last_of('/') + 1);  // npos + 1 is 0
  const std::size_t dot = file.find_last_of('.');
  const std::string_view extension = dot == std::string_view::npos ? std::string_view() : file.substr(dot);
  if (extension == ".txt") return GraphFormat::text;
  if (extension == ".json") return GraphFormat::json;
  if (extension == ".dot") return GraphFormat::dot;
  if (extension == ".svg") return GraphFormat::svg;
  if (extension == ".html") return GraphFormat::html;
  detail::fail(ErrorCode::bad_argument, "write_graph",
               "the path must end in .txt, .json, .dot, .svg or .html, or the format must be named; given {}", path);
}

}  // namespace

void write_graph(const Graph& graph, const std::string& path, GraphFormat format, const GraphStyle& style) {
  std::string text;
  switch (format == GraphFormat::by_extension ? format_of(path) : format) {
    case GraphFormat::json:
      text = graph_json(graph, style);
      break;
    case GraphFormat::dot:
      text = graph_dot(graph, style);
      break;
    case GraphFormat::html:
      text = graph_html(graph, style);
      break;
    case GraphFormat::svg:
      text = graph_svg(graph, style);
      break;
    default:
      text = graph_text(graph);
      break;
  }
  detail::write_file_atomically(path, text, "write_graph");
}

void write_text(const std::string& path, std::string_view text) {
  detail::write_file_atomically(path, text, "write_text");
}

}  // namespace unspool
