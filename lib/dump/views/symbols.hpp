// Symbols: the letters that textbooks give the values of a recurrent network.
#pragma once

#include "dump/frame.hpp"

namespace unspool::detail {

/// Of each node its letter, or 0: x for what enters below a state, h for a state, c for the one that an LSTM keeps
/// beside it, o for an output, y for the target that it is compared with, L for a loss of the step's own.
std::vector<char> find_symbols(const Graph& graph, const Placement& placement, const std::vector<Role>& roles,
                               const Frame& frame);

}  // namespace unspool::detail
