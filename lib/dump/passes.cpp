#include "dump/passes.hpp"

namespace unspool::detail {
namespace {

constexpr std::uint32_t none = Passes::none;
constexpr std::uint32_t several = none - 1;
constexpr std::uint32_t most_blocks = 8;

class PassFinder {
 public:
  PassFinder(const Graph& graph, const std::vector<std::uint32_t>& drawn_as)
      : graph_(graph), drawn_as_(drawn_as), count_(static_cast<std::uint32_t>(graph.nodes.size())) {}

  Passes run() {
    find_passes();
    find_blocks();
    return std::move(out_);
  }

 private:
  bool drawn(std::uint32_t i) const { return drawn_as_[i] == i && graph_.nodes[i].parameter_index < 0; }
  bool of_step(std::uint32_t i) const { return graph_.nodes[i].step >= 0; }

  // A pass ends where time turns round. Its direction is that of its first two steps, or that in which it was entered.
  void find_passes() {
    out_.of_node.assign(count_, none);
    std::int64_t current = -1;
    bool settled = false;
    for (std::uint32_t i = 0; i < count_; ++i) {
      if (!drawn(i) || !of_step(i)) continue;
      if (const std::int64_t step = graph_.nodes[i].step; step != current) {
        const int direction = step > current ? 1 : -1;
        if (out_.direction.empty() || (settled && direction != out_.direction.back())) {
          out_.direction.push_back(direction);
          settled = false;
        } else {
          out_.direction.back() = direction;
          settled = true;
        }
        current = step;
      }
      out_.of_node[i] = static_cast<std::uint32_t>(out_.direction.size() - 1);
    }
  }

  // A pass continues an earlier one, and stands to its right, where it reads more steps of it that lie ahead in its own
  // direction (a decoder's first step reads the encoder's last) than it reads the same steps (a further layer). What
  // one step alone leads to (a context computed from the last state) counts as that step.
  void find_blocks() {
    std::vector<std::int64_t> ahead(out_.direction.size(), 0);
    std::vector<std::uint32_t> origin(count_, none);  // a node of the one step that leads here
    for (std::uint32_t i = 0; i < count_; ++i) {
      if (!drawn(i)) continue;
      if (of_step(i)) origin[i] = i;
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
        const std::uint32_t from = origin[drawn_as_[input]];
        if (from == none) continue;
        if (!of_step(i))
          origin[i] = origin[i] == none || same_column(origin[i], from) ? from : several;
        else if (from != several && out_.of_node[from] != out_.of_node[i])
          ahead[out_.of_node[i]] += lead(from, i);
      }
    }
    out_.block.assign(ahead.size(), 0);
    for (std::size_t p = 1; p < ahead.size(); ++p) out_.block[p] = out_.block[p - 1] + (ahead[p] > 0 ? 1 : 0);
    // Interleaved passes turn round at every step; they share their columns.
    if (!out_.block.empty() && out_.block.back() >= most_blocks) out_.block.assign(ahead.size(), 0);
  }
  int lead(std::uint32_t from, std::uint32_t to) const {
    const std::int64_t distance = graph_.nodes[from].step - graph_.nodes[to].step;
    return distance == 0 ? -1 : (distance > 0) == (out_.direction[out_.of_node[to]] > 0) ? 1 : 0;
  }
  bool same_column(std::uint32_t a, std::uint32_t b) const {
    return a < several && b < several && out_.of_node[a] == out_.of_node[b] &&
           graph_.nodes[a].step == graph_.nodes[b].step;
  }

  const Graph& graph_;
  const std::vector<std::uint32_t>& drawn_as_;
  std::uint32_t count_;
  Passes out_;
};

}  // namespace

Passes find_passes(const Graph& drawn, const std::vector<std::uint32_t>& drawn_as) {
  return PassFinder(drawn, drawn_as).run();
}

}  // namespace unspool::detail
