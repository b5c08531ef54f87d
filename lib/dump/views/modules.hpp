// Modules: the tree of scopes with totals.
#pragma once

#include "unspool/graph.hpp"

namespace unspool::detail {

struct Module {
  std::string path;  ///< "encoder/l0/", empty for the whole recording
  std::string name;  ///< the last part
  std::int64_t parent = -1;
  int depth = 0;
  std::int64_t nodes = 0, steps = 0, flops = 0, bytes = 0;  ///< those inside included
  std::int64_t parameters = 0, parameter_values = 0;        ///< that it reads
};

/// The whole recording first, every scope right before those inside it.
std::vector<Module> find_modules(const Graph& graph);

}  // namespace unspool::detail
