// The memory that a graph shows is the allocators' own account.
#include <doctest/doctest.h>

#include "graph_support.hpp"
#include "unspool/graph_analysis.hpp"
#include "unspool/plan.hpp"

namespace us = unspool;
using us::test::Rnn;

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
    us::test::Dice dice(round);
    const us::Graph graph = us::test::random_graph(dice, false);
    CHECK(arena_sum(graph) == graph.arena_bytes);
  }
}

TEST_CASE("the memory view's peak is the allocators' counter") {
  for (const std::int64_t cap : {std::int64_t{8} << 20, std::int64_t{600}, std::int64_t{0}}) {
    for (const bool defer : {true, false}) {
      Rnn rnn(40, {.defer_products = defer, .deferred_bytes = cap, .keep_gradient_norms = true});
      rnn.tape.backward(rnn.loss);
      const us::TapeStats stats = rnn.tape.stats();
      CAPTURE(cap);
      CAPTURE(defer);
      const us::MemoryReport report = us::memory_report(rnn.graph());
      CHECK(report.peak_bytes == stats.value_bytes + stats.gradient_bytes_peak);
      CHECK(report.gradients + report.scratch == stats.gradient_bytes_peak);
    }
  }
  for (std::uint64_t round = 0; round < 300; ++round) {
    us::test::Dice dice(round + 900);
    const us::Graph graph = us::test::random_graph(dice, true);
    if (!graph.walk_known) continue;
    CAPTURE(round);
    CHECK(us::memory_report(graph).peak_bytes == graph.arena_bytes + graph.gradient_bytes_peak);
  }
}

TEST_CASE("who is alive at the peak adds up to the values, what is saved, and gradients") {
  Rnn rnn(20, {.keep_gradient_norms = true});
  rnn.tape.backward(rnn.loss);
  const us::MemoryReport report = us::memory_report(rnn.graph());
  std::int64_t sum = 0;
  for (const us::MemoryHolder& h : report.holders) sum += h.bytes;
  CHECK(sum == report.values + report.saved + report.gradients);
  REQUIRE(report.holders.size() > 3);
  CHECK(report.holders[0].bytes >= report.holders[1].bytes);
}

TEST_CASE("a budget costs nothing, something or cannot be met") {
  Rnn rnn(100, {.keep_gradient_norms = true});
  rnn.tape.backward(rnn.loss);
  const us::Graph graph = rnn.graph();
  const std::int64_t all = us::memory_report(graph).peak_bytes;
  const us::BudgetReport enough = us::budget_report(graph, all), little = us::budget_report(graph, all / 2),
                         none = us::budget_report(graph, 1000);
  CHECK(enough.possible);
  CHECK(enough.extra_steps == 0);
  CHECK(enough.steps == 100);
  REQUIRE(little.possible);
  const us::Plan plan = us::plan(100, little.step_bytes, little.state_bytes, all / 2 - little.fixed_bytes);
  CHECK(little.extra_steps == plan.forwards - 100);
  CHECK(little.extra_steps > 0);
  CHECK(little.kept_steps > 0);
  CHECK(little.time_factor > 1);
  CHECK_FALSE(none.possible);
  CHECK(none.least_bytes > 1000);
  CHECK_FALSE(us::budget_report(us::capture(us::Tape<>()), 1000).possible);
}
