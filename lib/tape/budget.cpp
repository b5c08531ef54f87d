// Budgets: what steps need at least and at most, and how several segments share one.
#include <algorithm>
#include <numeric>

#include "base/check.hpp"
#include "tape/tape_core.hpp"
#include "unspool/recompute.hpp"

namespace unspool::detail {

using std::int64_t;

int64_t StepCost::least() const {
  if (steps <= 0) return 0;
  if (steps == 1) return value_bytes + node_bytes;
  const int64_t bytes = least_budget(steps, value_bytes, state_bytes);
  return bytes + std::min(steps, bytes / std::max<int64_t>(value_bytes, 1)) * node_bytes;
}

int64_t StepCost::most() const { return std::max(steps * (value_bytes + node_bytes), least()); }

// Where all steps can be kept, their nodes; else those of as many steps as could be kept if there were no states, for in
// the end, when the last stretch is walked back, there are none.
int64_t StepCost::without_nodes(int64_t bytes) const {
  const int64_t value = std::max<int64_t>(value_bytes, 1), kept = bytes / (value + node_bytes);
  if (kept >= steps) return bytes - steps * node_bytes;
  return kept * value + std::min(bytes - kept * (value + node_bytes), value - 1);
}

std::vector<int64_t> share_budget(std::span<const StepCost> costs, const BetweenBytes& between, int64_t budget,
                                  const char* op) {
  // Only one of them runs or is walked at a time.
  int64_t under_way = 0, least = 0;
  double missing = 0;
  for (const StepCost& cost : costs) {
    under_way = std::max(under_way, cost.walk_bytes);
    least += cost.least();
    missing += static_cast<double>(cost.most() - cost.least());
  }
  const int64_t between_bytes = between.kept + between.walked, all = between_bytes + under_way + least;
  require(budget >= all, ErrorCode::bad_argument, op,
          "the memory for {} runs of {} steps must be at least {} bytes: {} for one step and a state of each, {} for "
          "gradients, {} for what lies between; given {}",
          costs.size(), costs.empty() ? 0 : costs[0].steps, all, least, under_way, between_bytes, budget);
  const double part = missing == 0 ? 0 : std::min(static_cast<double>(budget - all) / missing, 1.0);
  std::vector<int64_t> shares;
  for (const StepCost& cost : costs)
    shares.push_back(cost.walk_bytes + cost.least() +
                     static_cast<int64_t>(part * static_cast<double>(cost.most() - cost.least())));
  return shares;
}

int64_t pool_bytes(int64_t bytes) { return GradientPool::granted_bytes(bytes); }

int open_budget(TapeCore& tape, std::span<const StepCost> costs, std::span<const int64_t> shares,
                const BetweenBytes& between) {
  int64_t held = 0, under_way = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) held += costs[i].without_nodes(shares[i] - costs[i].walk_bytes);
  for (const StepCost& cost : costs) under_way = std::max(under_way, cost.walk_bytes);
  tape.segment_arena().reserve(held);
  tape.main_arena().reserve(between.kept);
  tape.pool().reserve(between.walked + under_way);
  SegmentCounts& counts = tape.segment_counts();
  counts.groups.push_back(between.kept + between.walked);
  return static_cast<int>(counts.groups.size()) - 1;
}

}  // namespace unspool::detail
