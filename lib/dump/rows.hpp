// Rows: how far up each node of a graph stands. The longest path inside a step, so that equal steps get equal rows.
#pragma once

#include "dump/placement.hpp"

namespace unspool::detail {

/// Fills row[node] for every drawn node and returns the number of rows. A bar has a row of its own.
std::uint32_t find_rows(const Graph& graph, const Placement& placement, std::vector<std::uint32_t>& row);

}  // namespace unspool::detail
