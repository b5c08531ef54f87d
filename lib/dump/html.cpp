// The page: a graph file inside the text that opens it.
#include "dump/page_text.hpp"
#include "unspool/graph.hpp"

namespace unspool {

std::string graph_html(const Graph& graph, const GraphStyle& style) {
  constexpr std::string_view mark = "@graph@";
  const std::string json = graph_json(graph, style);  // has no "<": nothing in it ends the script that holds it
  const std::size_t at = detail::page_text.find(mark);
  std::string page;
  page.reserve(detail::page_text.size() + json.size());
  page += detail::page_text.substr(0, at);
  page += json;
  page += detail::page_text.substr(at + mark.size());
  return page;
}

}  // namespace unspool
