// The views as pictures: each in a file of its own, all called by graph_svg().
#pragma once

#include "unspool/graph.hpp"

namespace unspool::detail {

std::string unrolled_view(const Graph& graph, const GraphStyle& style);
std::string folded_view(const Graph& graph, const GraphStyle& style);
std::string modules_view(const Graph& graph, const GraphStyle& style);
std::string memory_view(const Graph& graph, const GraphStyle& style);
std::string gradient_view(const Graph& graph, const GraphStyle& style);
std::string parameter_view(const Graph& graph, const GraphStyle& style);

}  // namespace unspool::detail
