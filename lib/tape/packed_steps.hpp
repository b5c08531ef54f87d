// PackedSteps: which steps and which examples the packed rows of a Sequence are.
#pragma once

#include <algorithm>
#include <vector>

#include "tape/tape_core.hpp"

namespace unspool::detail {

/// Reads the attributes of an op with a layout: T, the lengths, the rows of the batch by decreasing length. Looks at one
/// layout at a time and remembers it, for the many contributions of its steps.
class PackedSteps {
 public:
  explicit PackedSteps(const TapeCore& tape) : tape_(tape) {}

  /// Calls f(t, first row of step t, begin, end) for every step that some of the rows are of; [begin, end) are those.
  template <class F>
  void for_each(const Labels::PackedRows& rows, std::int64_t from, std::int64_t to, F f) {
    remember(rows.layout);
    auto t = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), from) - starts_.begin()) - 1;
    for (; t + 1 < starts_.size() && starts_[t] < to; ++t)
      f(static_cast<std::int64_t>(t), starts_[t], std::max(from, starts_[t]), std::min(to, starts_[t + 1]));
  }
  /// The rows of the batch by decreasing length: the example of each row of a step.
  std::span<const std::int64_t> order(const Labels::PackedRows& rows) {
    remember(rows.layout);
    return order_;
  }

 private:
  void remember(std::uint32_t layout) {
    if (layout == layout_) return;
    const Node& node = tape_.node(layout);
    const std::span<const std::int64_t> words(node.attrs(), static_cast<std::size_t>(node.attr_count()));
    const std::span<const std::int64_t> lengths = words.subspan(1, words.size() / 2);
    order_ = words.last(words.size() / 2);
    starts_.assign(1, 0);
    std::size_t alive = order_.size();
    for (std::int64_t t = 0;; ++t) {
      while (alive > 0 && lengths[static_cast<std::size_t>(order_[alive - 1])] <= t) --alive;
      if (alive == 0) break;
      starts_.push_back(starts_.back() + static_cast<std::int64_t>(alive));
    }
    layout_ = layout;
  }

  const TapeCore& tape_;
  std::uint32_t layout_ = TapeCore::no_node;
  std::vector<std::int64_t> starts_;  // of the steps, then the number of rows
  std::span<const std::int64_t> order_;
};

}  // namespace unspool::detail
