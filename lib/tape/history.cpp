#include "tape/history.hpp"

#include <fmt/core.h>

#include "tape/tape_core.hpp"
#include "unspool/warning.hpp"

namespace unspool::detail {

History::Name History::name_of(std::span<const Node> nodes, std::uint32_t index, const Labels& labels) {
  const Node* node = &nodes[index];
  const Labels::Context& at = labels.context(node->context);
  Name name{node->rule, nullptr, node->where, at.scope, node->generation, at.step};
  while (node->has(flag::view)) node = &nodes[node->pair[0]];
  if (node->rule != name.rule && node->arity > 0) name.of = node->rule;
  return name;
}

// Small recordings end often: this costs them a fraction of what recording did, and large ones a fixed little.
void History::remember(std::span<const Node> nodes, const Labels& labels) noexcept try {
  const std::size_t count = std::min(nodes.size(), most_names);
  first_ = static_cast<std::uint32_t>(nodes.size() - count);
  names_.clear();
  for (std::size_t i = nodes.size() - count; i < nodes.size(); ++i)
    names_.push_back(name_of(nodes, static_cast<std::uint32_t>(i), labels));
} catch (const std::bad_alloc&) {
  names_.clear();
}

bool History::grows(std::uint32_t nodes) {
  const std::uint32_t window = nodes - end_;
  previous_begin_ = window_begin_;
  window_begin_ = end_;
  end_ = nodes;
  if (first_window_ == 0 || 2 * window < first_window_ || window / 2 > first_window_) {
    first_window_ = window;
    windows_ = 1;
    return false;
  }
  return ++windows_ == many_windows;
}

std::string TapeCore::name_text(const History::Name& name) const {
  std::string text = name.rule->info.name;
  if (name.of != nullptr) text += fmt::format(" of {}", name.of->info.name);
  return text + label_text(name.scope, name.step, name.where);
}

std::string TapeCore::name_text(std::uint32_t node) const {
  return fmt::format("%{} ({})", node, name_text(History::name_of(nodes_, node, labels_)));
}

// Windows that read one another, or nothing of what was before. Those that read what all of them share, as the rows of a
// Jacobian do, are what the tape is kept for.
void TapeCore::warn_of_growth() const {
  const std::uint32_t begin = history_.window_begin();
  std::uint32_t reader = no_node, value = no_node;
  for (std::uint32_t i = begin; i < node_count() && reader == no_node; ++i)
    for (std::uint32_t k = 0; k < nodes_[i].arity && !nodes_[i].has(flag::parameter); ++k) {
      const std::uint32_t input = nodes_[i].inputs()[k];
      if (input >= begin || nodes_[input].arity == 0) continue;
      if (input < history_.previous_begin()) return;
      reader = i, value = input;
    }
  const std::string reaches =
      reader == no_node ? "nothing in the newest reads the ones before"
                        : fmt::format(
                              "the newest reads {} of the one before, at {}; carry its numbers, not the recording: "
                              "TruncatedBptt does, or take tensor() before the reset and make an input() of it",
                              name_text(value), name_text(reader));
  warn(fmt::format(
           "backward: {} windows lie on a tape that was not reset, and it has grown to {} nodes and {} bytes; {}",
           history_.windows(), node_count(), stats().value_bytes + stats().node_bytes, reaches)
           .c_str());
}

}  // namespace unspool::detail
