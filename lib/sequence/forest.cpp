// Forest: children and levels from the list of parents.
#include <algorithm>

#include "base/check.hpp"
#include "unspool/tree.hpp"

namespace unspool {

namespace {

constexpr const char* name = "Forest";

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

Forest::Forest(const Ids& parents, const Ids& slots) try {
  const std::int64_t N = parents.size();
  detail::require(slots.size() == 0 || slots.size() == N, ErrorCode::shape_mismatch, name,
                  "slots must be as many as nodes, {}; given {}", N, slots.size());
  for (std::int64_t i = 0; i < N; ++i) {
    detail::require(parents[i] >= -1 && parents[i] < N, ErrorCode::index_out_of_range, name,
                    "parents must be -1 or in 0..{}; that of node {} is {}", N - 1, i, parents[i]);
    if (parents[i] < 0) roots_.push_back(i);
  }
  collect_children(parents, slots);
  find_levels(parents);
} catch (const std::bad_alloc&) {
  detail::fail(ErrorCode::out_of_memory, name, "memory for {} nodes could not be had", parents.size());
}

void Forest::collect_children(const Ids& parents, const Ids& slots) {
  const std::int64_t N = parents.size();
  child_begin_.assign(at(N + 1), 0);
  for (std::int64_t i = 0; i < N; ++i)
    if (parents[i] >= 0) ++child_begin_[at(parents[i] + 1)];
  for (std::int64_t i = 0; i < N; ++i) child_begin_[at(i + 1)] += child_begin_[at(i)];
  children_.resize(at(child_begin_.back()));
  List next(child_begin_.begin(), child_begin_.end() - 1);
  slot_.assign(at(N), 0);
  for (std::int64_t i = 0; i < N; ++i) {
    if (parents[i] < 0) continue;
    std::int64_t& place = next[at(parents[i])];
    slot_[at(i)] = slots.size() == 0 ? place - child_begin_[at(parents[i])] : slots[i];
    detail::require(slot_[at(i)] >= 0, ErrorCode::bad_argument, name,
                    "slots must not be negative; that of node {} is {}", i, slot_[at(i)]);
    children_[at(place++)] = i;
  }
  if (slots.size() == 0) return;
  for (std::int64_t i = 0; i < N; ++i) {
    const std::span<std::int64_t> own(children_.data() + child_begin_[at(i)],
                                      children_.data() + child_begin_[at(i + 1)]);
    std::ranges::sort(own, {}, [&](std::int64_t child) { return slots[child]; });
    for (std::size_t k = 1; k < own.size(); ++k)
      detail::require(slots[own[k]] != slots[own[k - 1]], ErrorCode::bad_argument, name,
                      "a slot must have one child; nodes {} and {} are both child {} of node {}", own[k - 1], own[k],
                      slots[own[k]], i);
  }
}

// A node is reached once all its children have been: what is never reached is on a cycle, or above one.
void Forest::find_levels(const Ids& parents) {
  const std::int64_t N = parents.size();
  level_.assign(at(N), 0);
  List waiting(at(N)), reached;
  reached.reserve(at(N));
  for (std::int64_t i = 0; i < N; ++i) {
    waiting[at(i)] = child_begin_[at(i + 1)] - child_begin_[at(i)];
    if (waiting[at(i)] == 0) reached.push_back(i);
  }
  std::int64_t highest = -1;
  for (std::size_t k = 0; k < reached.size(); ++k) {
    const std::int64_t node = reached[k], parent = parents[node];
    highest = std::max(highest, level_[at(node)]);
    if (parent < 0) continue;
    level_[at(parent)] = std::max(level_[at(parent)], level_[at(node)] + 1);
    if (--waiting[at(parent)] == 0) reached.push_back(parent);
  }
  if (static_cast<std::int64_t>(reached.size()) < N) {
    // Up from any such node the parents lead into the cycle, and N steps are enough to be on it.
    std::int64_t node = std::ranges::find_if(waiting, [](std::int64_t n) { return n > 0; }) - waiting.begin();
    for (std::int64_t i = 0; i < N; ++i) node = parents[node];
    detail::fail(ErrorCode::bad_argument, name, "no node may be above itself; node {} is on a cycle", node);
  }
  level_begin_.assign(at(highest + 2), 0);
  for (const std::int64_t level : level_) ++level_begin_[at(level + 1)];
  for (std::size_t k = 1; k < level_begin_.size(); ++k) level_begin_[k] += level_begin_[k - 1];
  order_.resize(at(N));
  row_.resize(at(N));
  List filled(at(highest + 1), 0);
  for (std::int64_t i = 0; i < N; ++i) {
    const std::int64_t level = level_[at(i)];
    row_[at(i)] = filled[at(level)]++;
    order_[at(level_begin_[at(level)] + row_[at(i)])] = i;
  }
}

std::size_t Forest::checked(std::int64_t node) const {
  detail::require(node >= 0 && node < size(), ErrorCode::index_out_of_range, name, "node must be below {}; given {}",
                  size(), node);
  return at(node);
}

std::span<const std::int64_t> Forest::level(std::int64_t k) const {
  detail::require(k >= 0 && k < levels(), ErrorCode::index_out_of_range, name, "level must be below {}; given {}",
                  levels(), k);
  return order().subspan(at(level_begin_[at(k)]), at(level_begin_[at(k + 1)] - level_begin_[at(k)]));
}

}  // namespace unspool
