// MemoryTimeline: what is alive at every tick of the clock that runs through the forward and the backward pass.
// docs/graph-format.md, "Memory", defines it.
#pragma once

#include "unspool/graph.hpp"

namespace unspool::detail {

struct MemoryMoment {
  std::int64_t tick = 0;
  std::uint32_t node = 0;
  bool backward = false;
  bool flush = false;                                   ///< between two visits, while queued products are made
  std::int64_t values = 0, saved = 0, bookkeeping = 0;  ///< in the arena
  std::int64_t gradients = 0, scratch = 0;              ///< in the gradient pool
  std::int64_t total() const { return values + saved + bookkeeping + gradients + scratch; }
};

/// Calls f(moment) at every highest point: once a recorded node, and twice a visited one, at the flush before its visit
/// and at the end of its rule.
template <class F>
void for_each_moment(const Graph& graph, F f) {
  MemoryMoment now;
  const std::uint32_t count = static_cast<std::uint32_t>(graph.nodes.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    const GraphNode& n = graph.nodes[i];
    // A parameter's value lies outside the tape.
    const std::int64_t values = n.parameter_index >= 0 ? 0 : n.value_bytes;
    const std::int64_t arena = graph.memory.empty() ? values + n.saved_bytes : graph.memory[i].arena_bytes;
    now.values += values;
    now.saved += n.saved_bytes;
    now.bookkeeping += arena - values - n.saved_bytes;
    now.tick = i;
    now.node = i;
    f(now);
  }
  if (graph.loss < 0 || !graph.walk_known || graph.memory.empty()) return;
  now.backward = true;
  // Who is freed by a flush at a node, and who is born in its visit: lists by node.
  std::vector<std::int64_t> born(count, 0), flushed(count, 0), held_flushed(count, 0);
  for (std::uint32_t i = 0; i < count; ++i) {
    const GraphMemory& m = graph.memory[i];
    if (m.gradient_born < count) born[m.gradient_born] += m.gradient_bytes;
    if (m.gradient_born < count && m.gradient_freed < count && m.gradient_freed != i)
      flushed[m.gradient_freed] += m.gradient_bytes;
    if (m.held_freed < count) held_flushed[m.held_freed] += m.held_bytes;
  }
  for (std::uint32_t i = static_cast<std::uint32_t>(graph.loss) + 1; i-- > 0;) {
    const GraphMemory& m = graph.memory[i];
    now.node = i;
    now.tick = std::int64_t{count} + graph.loss - i;
    if (m.flush_bytes > 0) {
      now.scratch += m.flush_bytes;
      now.flush = true;
      f(now);
      now.flush = false;
      now.scratch -= m.flush_bytes;
    }
    now.gradients -= flushed[i];
    now.scratch -= held_flushed[i];
    now.gradients += born[i];
    now.scratch += m.scratch_bytes + m.held_bytes;
    f(now);
    now.scratch -= m.scratch_bytes;
    if (m.gradient_born < count && m.gradient_freed == i) now.gradients -= m.gradient_bytes;
  }
}

}  // namespace unspool::detail
