// OneStep: what the steps of a sequence have in common, as a graph of one step with its back edges.
#pragma once

#include "dump/roles.hpp"

namespace unspool::detail {

struct OneStep {
  /// What a step reads of an earlier (or, in a reverse pass, a later) one.
  struct BackEdge {
    std::uint32_t from, to;  ///< nodes of `graph`
    std::int64_t delay;      ///< steps; negative: from a later one
  };
  struct Exception {
    std::int64_t first, last;  ///< steps that are put together differently
    std::int64_t nodes;        ///< of each
  };

  Graph graph;              ///< parameters, what comes from outside, then the step's nodes, all in step 0
  std::vector<Role> roles;  ///< of its nodes, as in the whole graph
  std::vector<BackEdge> back;
  std::vector<std::vector<std::uint32_t>> twins;  ///< of its nodes: the same node of every such step, in time's order
  std::vector<Exception> exceptions;
  std::int64_t steps = 0;  ///< that are like it
  std::int64_t all_steps = 0;
  bool found = false;
};

/// Of a graph as_drawn().
OneStep find_one_step(const Graph& drawn);

}  // namespace unspool::detail
