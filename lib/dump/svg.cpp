// Pictures: the view that the style names, of the part that it asks for.
#include "dump/views/views.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {
namespace {

std::string view(const Graph& graph, const GraphStyle& style) {
  switch (style.view) {
    case GraphView::folded:
      return detail::folded_view(graph, style);
    case GraphView::modules:
      return detail::modules_view(graph, style);
    case GraphView::memory:
      return detail::memory_view(graph, style);
    case GraphView::gradient:
      return detail::gradient_view(graph, style);
    case GraphView::parameter:
      return detail::parameter_view(graph, style);
    default:
      return detail::unrolled_view(graph, style);
  }
}

}  // namespace

std::string graph_svg(const Graph& graph, const GraphStyle& style) {
  // The clock of the memory view runs through all nodes or none.
  const bool part = !style.scope.empty() && style.view != GraphView::memory;
  return view(with_found_steps(part ? select_scope(graph, style.scope) : graph), style);
}

}  // namespace unspool
