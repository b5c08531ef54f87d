// What is drawn of a recording: the same nodes with the edges that a reader of the picture expects.
//
// Reshapes and contiguous slices are views: a part of the edge. So is the memory that the steps of a whole-sequence
// layer share (ops/step.hpp): a step reads its predecessor and no buffer, and what reads the finished buffer reads the
// steps whose rows it looks at.
#pragma once

#include "unspool/graph.hpp"

namespace unspool::detail {

/// Same nodes, same numbers. What is a part of an edge is a view of one operand; no other node is a view. Without
/// `fold_views` every node is drawn as it was recorded.
Graph as_drawn(Graph graph, bool fold_views);

/// 1 for nodes whose values steps overwrite after they were recorded.
std::vector<std::uint8_t> written_by_steps(const Graph& graph);

}  // namespace unspool::detail
