// The rows of the gradient view: for every scope the states that it hands on and the gates behind them, by column.
#pragma once

#include "dump/roles.hpp"

namespace unspool::detail {

struct GradientRow {
  std::string scope;
  std::string name;                 ///< "h", "c", "gate i"
  std::vector<std::uint32_t> node;  ///< of each cell of the placement; Placement::nowhere: none
  std::vector<std::uint8_t> cut;    ///< of each cell: what it carries on passes an op without derivative
};

/// States and gates are found by structure. Four activations cut from one product are i, f, g, o, three r, z, n.
std::vector<GradientRow> gradient_rows(const Graph& graph, const Placement& placement, const std::vector<Role>& roles);

}  // namespace unspool::detail
