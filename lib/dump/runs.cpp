// Runs: which parts of a recording repeat. One pass from the front; at every node a few periods are tried.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "dump/folding.hpp"

namespace unspool::detail {
namespace {

constexpr std::uint32_t none = ~std::uint32_t{0};
constexpr std::uint32_t least_count = 3;  // operands of two repetitions agree with some rule whatever they are
constexpr std::uint64_t hash_base = 0x9E3779B97F4A7C15ull;

class RunFinder {
 public:
  RunFinder(const Graph& graph, const std::vector<std::uint32_t>& shape)
      : graph_(graph), shape_(shape), count_(static_cast<std::uint32_t>(graph.nodes.size())) {
    hash_nodes();
    link_nodes();
  }

  std::vector<Run> run() {
    std::vector<Run> runs;
    // A period that looks right and is not costs the comparison; a graph made to look right everywhere must not cost
    // more than its length.
    budget_ = 64 * static_cast<std::uint64_t>(count_);
    for (std::uint32_t i = 0; i < count_;) {
      const Run best = best_at(i);
      if (best.count == 0) {
        ++i;
        continue;
      }
      runs.push_back(best);
      i = best.end();
    }
    return runs;
  }

 private:
  // What repetitions have in common whatever their operands are.
  bool alike(std::uint32_t a, std::uint32_t b) const {
    const GraphNode &x = graph_.nodes[a], &y = graph_.nodes[b];
    return x.op == y.op && shape_[a] == shape_[b] && x.input_count == y.input_count && x.attr_count == y.attr_count &&
           (x.parameter_index < 0) == (y.parameter_index < 0) && (x.step < 0) == (y.step < 0);
  }

  void hash_nodes() {
    mark_.resize(count_);
    prefix_.assign(count_ + 1, 0);
    power_.assign(count_ + 1, 1);
    for (std::uint32_t i = 0; i < count_; ++i) {
      const GraphNode& n = graph_.nodes[i];
      std::uint64_t h = 0;
      for (const std::uint64_t part :
           {std::uint64_t{n.op}, std::uint64_t{shape_[i]}, std::uint64_t{n.input_count}, std::uint64_t{n.attr_count},
            std::uint64_t{n.parameter_index < 0}, std::uint64_t{n.step < 0}})
        h = (h ^ part) * 0xff51afd7ed558ccdull, h ^= h >> 32;
      mark_[i] = h | 1;
      prefix_[i + 1] = prefix_[i] * hash_base + mark_[i];
      power_[i + 1] = power_[i] * hash_base;
    }
  }
  std::uint64_t hash(std::uint32_t from, std::uint32_t length) const {
    return prefix_[from + length] - prefix_[from] * power_[length];
  }

  // From every node: the next like it, the next that reads the same parameter, the next that begins a step.
  void link_nodes() {
    next_alike_.assign(count_, none);
    next_use_.assign(count_, none);
    next_step_.assign(count_, none);
    std::unordered_map<std::uint64_t, std::uint32_t> seen;
    std::vector<std::uint32_t> use(graph_.parameters.size(), none);
    std::uint32_t step = none;
    for (std::uint32_t i = count_; i-- > 0;) {
      const auto [found, fresh] = seen.try_emplace(mark_[i], i);
      if (!fresh) next_alike_[i] = std::exchange(found->second, i);
      next_use_[i] = none;
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
        const std::int32_t p = graph_.nodes[input].parameter_index;
        if (p < 0) continue;
        if (use[p] != i) next_use_[i] = use[p];
        use[p] = i;
        break;
      }
      next_step_[i] = step;
      if (begins_step(i)) step = i;
    }
  }
  bool begins_step(std::uint32_t i) const {
    const std::int64_t step = graph_.nodes[i].step;
    return step >= 0 && (i == 0 || graph_.nodes[i - 1].step != step);
  }

  // Of the periods that fit the one that reaches furthest, then the shortest.
  Run best_at(std::uint32_t i) {
    Run best{i, 0, 0};
    const auto consider = [&](std::uint32_t next) {
      if (next == none) return;
      const std::uint32_t period = next - i;
      if (best.period == period) return;
      const std::uint32_t count = repetitions(i, period);
      if (count < least_count) return;
      const std::uint64_t reach = std::uint64_t{count} * period, known = std::uint64_t{best.count} * best.period;
      if (reach > known || (reach == known && period < best.period)) best = {i, period, count};
    };
    if (graph_.nodes[i].step >= 0) {
      if (begins_step(i)) consider(next_step_[i]);
      return best;
    }
    std::uint32_t use = i;
    for (int k = 0; k < 4 && use != none; ++k) consider(use = next_use_[use]);
    std::uint32_t other = i;
    for (int k = 0; k < 2 && other != none; ++k) consider(other = next_alike_[other]);
    return best;
  }

  std::uint32_t repetitions(std::uint32_t first, std::uint32_t period) {
    if (period == 0 || (count_ - first) / period < least_count || budget_ == 0) return 0;
    if (hash(first, period) != hash(first + period, period)) return 0;
    if (hash(first, period) != hash(first + 2 * period, period)) return 0;
    const std::uint32_t most = (count_ - first) / period;
    std::uint32_t count = 1;
    while (count < most && repeats(first, period, count)) ++count;
    const std::uint64_t cost = std::uint64_t{count + 1} * period;
    if (count < least_count) budget_ -= std::min(budget_, cost);
    return count < least_count ? 0 : count;
  }

  // Repetition k fits the ones before it. The first may read anything (an initial state); the second is the pattern and
  // the third says by how much each operand moves.
  bool repeats(std::uint32_t first, std::uint32_t period, std::uint32_t k) const {
    const std::uint32_t begin = first + k * period;
    for (std::uint32_t r = 0; r < period; ++r)
      if (!alike(first + r, begin + r)) return false;
    if (k < 3) return true;
    for (std::uint32_t r = 0; r < period; ++r) {
      const auto second = graph_.inputs_of(graph_.nodes[first + period + r]);
      const auto third = graph_.inputs_of(graph_.nodes[first + 2 * period + r]);
      const auto here = graph_.inputs_of(graph_.nodes[begin + r]);
      for (std::size_t j = 0; j < here.size(); ++j) {
        const std::int64_t stride = std::int64_t{third[j]} - std::int64_t{second[j]};
        if (std::int64_t{here[j]} != std::int64_t{second[j]} + (std::int64_t{k} - 1) * stride) return false;
      }
    }
    return true;
  }

  const Graph& graph_;
  const std::vector<std::uint32_t>& shape_;
  std::uint32_t count_;
  std::uint64_t budget_ = 0;
  std::vector<std::uint64_t> mark_, prefix_, power_;
  std::vector<std::uint32_t> next_alike_, next_use_, next_step_;
};

}  // namespace

std::vector<Run> find_runs(const Graph& graph, const std::vector<std::uint32_t>& shape_of_node) {
  return RunFinder(graph, shape_of_node).run();
}

std::vector<std::uint32_t> number_shapes(const Graph& graph, std::vector<std::vector<std::int64_t>>& shapes) {
  struct Hash {
    std::size_t operator()(std::span<const std::int64_t> s) const {
      std::uint64_t h = s.size();
      for (const std::int64_t e : s) h = (h ^ static_cast<std::uint64_t>(e)) * hash_base, h ^= h >> 29;
      return h;
    }
  };
  struct Same {
    bool operator()(std::span<const std::int64_t> a, std::span<const std::int64_t> b) const {
      return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
  };
  std::unordered_map<std::span<const std::int64_t>, std::uint32_t, Hash, Same> seen;  // keys lie in the graph
  std::vector<std::uint32_t> number;
  number.reserve(graph.nodes.size());
  for (const GraphNode& n : graph.nodes) {
    const auto extents = graph.extents_of(n);
    const auto [found, fresh] = seen.try_emplace(extents, static_cast<std::uint32_t>(shapes.size()));
    if (fresh) shapes.emplace_back(extents.begin(), extents.end());
    number.push_back(found->second);
  }
  return number;
}

}  // namespace unspool::detail
