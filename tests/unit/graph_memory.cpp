// The memory that a graph shows is the allocators' own account.
#include <doctest/doctest.h>

#include <numeric>

#include "graph_support.hpp"

namespace us = unspool;
using us::testing::Rnn;

namespace {

std::int64_t arena_sum(const us::Graph& graph) {
  std::int64_t sum = 0;
  for (const us::GraphMemory& m : graph.memory) sum += m.arena_bytes;
  return sum;
}

}  // namespace

TEST_CASE("the arena's bytes by node add up to what the tape counts") {
  for (const int steps : {0, 1, 3, 500}) {
    Rnn rnn(steps);
    const us::Graph graph = rnn.graph();
    CHECK(graph.arena_bytes == rnn.tape.stats().value_bytes);
    CHECK(arena_sum(graph) == graph.arena_bytes);
  }
  for (std::uint64_t round = 0; round < 200; ++round) {
    us::testing::Dice dice(round);
    const us::Graph graph = us::testing::random_graph(dice, false);
    CHECK(arena_sum(graph) == graph.arena_bytes);
  }
}
