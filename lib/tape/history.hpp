// History: what a tape still knows of recordings that have ended and of windows that were walked back, so that it can
// name what a program carries on by mistake.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "tape/labels.hpp"
#include "unspool/extend.hpp"

namespace unspool::detail {

class History {
 public:
  /// A node by what a user calls it.
  struct Name {
    const OpRule* rule = nullptr;
    const OpRule* of = nullptr;  // that made the value which a view shows
    Where where;
    std::uint32_t scope = 0;
    std::uint32_t generation = 0;
    std::int64_t step = Labels::no_step;
  };

  /// A recording ends. Its last nodes are remembered: a state is one of them.
  void remember(std::span<const Node> nodes, const Labels& labels) noexcept;
  /// Null where the node is not remembered.
  const Name* find(std::uint32_t index, std::uint32_t generation) const {
    if (index < first_ || index - first_ >= names_.size()) return nullptr;
    const Name& name = names_[index - first_];
    return name.generation == generation ? &name : nullptr;
  }
  static Name name_of(std::span<const Node> nodes, std::uint32_t index, const Labels& labels);

  /// A walk begins, on so many nodes. True, once for a recording, when windows of much the same size have been added one
  /// after the other for so long that their memory should have been given back.
  bool grows(std::uint32_t nodes);
  /// Where the newest window begins, and the one before.
  std::uint32_t window_begin() const { return window_begin_; }
  std::uint32_t previous_begin() const { return previous_begin_; }
  std::uint32_t windows() const { return windows_; }
  /// Nodes were given back.
  void restart() { previous_begin_ = window_begin_ = end_ = first_window_ = windows_ = 0; }

  void release() noexcept { std::vector<Name>().swap(names_); }

 private:
  static constexpr std::size_t most_names = 1024;
  static constexpr std::uint32_t many_windows = 8;

  std::vector<Name> names_;  // of nodes first_, first_ + 1, ...
  std::uint32_t first_ = 0;
  std::uint32_t previous_begin_ = 0, window_begin_ = 0, end_ = 0, first_window_ = 0, windows_ = 0;
};

}  // namespace unspool::detail
