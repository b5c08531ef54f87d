#include "tape/segment.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {
namespace {

constexpr std::int64_t no_extents[] = {0, 0};  // product, then the extents

constinit const OpRule buried_rule{.info = {.name = "forgotten", .arity = 0, .reads = Reads::neither}};

}  // namespace

constinit const OpRule segment_rule{.info = {.name = "checkpoint", .arity = -1, .reads = Reads::neither}};
constinit const OpRule segment_output_rule{.info = {.name = "checkpoint_output", .arity = 1, .reads = Reads::neither}};

void TapeCore::enter_segment() {
  std::swap(arena_, other_arena_);
  in_segment_ = true;
}

void TapeCore::leave_segment() noexcept {
  std::swap(arena_, other_arena_);
  in_segment_ = false;
}

std::uint32_t TapeCore::record_slot(const Shape& shape, void* memory, std::uint16_t flags) {
  Node& node = append(input_rule, {});
  node.flags = flags;
  node.rank = static_cast<std::uint8_t>(shape.rank());
  node.extents = store_extents(shape);
  node.value = memory;
  return node_count() - 1;
}

std::uint32_t TapeCore::record_segment(std::unique_ptr<Segment> segment, std::span<const std::uint32_t> operands,
                                       bool wanted, Arena::Position start, Where where) {
  auto* const list = static_cast<std::uint32_t*>(arena_.allocate(static_cast<std::int64_t>(operands.size()) * 4));
  std::copy(operands.begin(), operands.end(), list);
  segments_.push_back({node_count(), start, std::move(segment)});
  Node& node = append(segment_rule, where);
  node.flags = wanted ? flag::needs_grad : 0;
  node.rank = 1;
  node.extents = no_extents + 1;
  node.arity = static_cast<std::uint32_t>(operands.size());
  if (node.arity <= 2)
    std::copy(operands.begin(), operands.end(), node.pair);
  else
    node.list = list;
  return node_count() - 1;
}

std::uint32_t TapeCore::record_segment_output(std::uint32_t segment, const Shape& shape, void* memory, bool wanted,
                                              Where where) {
  Node& node = append(segment_output_rule, where);
  node.flags = wanted ? flag::needs_grad : 0;
  node.rank = static_cast<std::uint8_t>(shape.rank());
  node.extents = store_extents(shape);
  node.value = memory;
  node.arity = 1;
  node.pair[0] = segment;
  return node_count() - 1;
}

// A result keeps its gradient for the segment, which is visited after all of them.
void TapeCore::visit_segment(std::uint32_t index) {
  if (nodes_[index].rule == &segment_output_rule) {
    nodes_[nodes_[index].pair[0]].flags |= flag::pending;
    return;
  }
  const auto owned = std::ranges::lower_bound(segments_, index, {}, &OwnedSegment::node);
  Segment& segment = *owned->segment;  // segments within it come and go
  segment.walk();
  for (std::uint32_t i = index + 1; i < node_count() && nodes_[i].rule == &segment_output_rule; ++i)
    if (grads_[i] != nullptr && !nodes_[i].has(flag::keep_grad)) give_back(i);
}

void TapeCore::forget_segments(std::uint32_t from) noexcept {
  while (!segments_.empty() && segments_.back().node >= from) {
    if (!in_segment_) other_arena_.lower(segments_.back().start);
    segments_.pop_back();
  }
}

void TapeCore::cut(const SegmentStart& start) {
  forget_segments(start.nodes);
  for (std::uint32_t i = start.nodes; i < grads_.size(); ++i) {
    if (grads_[i] == nullptr || nodes_[i].has(flag::parameter)) continue;
    if (nodes_[i].has(flag::held) && !nodes_[i].shares_gradient()) {
      held_temporaries_.push_back({grads_[i], nodes_[i].size() * bytes_each(), true});
      grads_[i] = nullptr;
    } else {
      give_back(i);
    }
  }
  std::erase_if(held_nodes_, [&](std::uint32_t node) { return node >= start.nodes; });
  std::erase_if(unwritten_, [&](std::uint32_t node) { return node >= start.nodes; });
  arena_.for_each_range_after(start.arena, [&](const void* begin, const void* end) {
    deferred_.detach(*this, {begin, end});
  });
  std::vector<Leaf> again;
  while (!leaves_.empty() && leaves_.back().node >= start.nodes) {
    again.push_back(std::move(leaves_.back()));
    leaves_.pop_back();
  }
  nodes_.resize(start.nodes);
  if (grads_.size() > start.nodes) grads_.resize(start.nodes);
  arena_.lower(start.arena);
  labels_.rewind(start.contexts);
  ++generation_;
  if (again.empty()) return;
  index_leaves();
  for (std::size_t i = again.size(); i-- > 0;)
    deferred_.retarget(again[i].node, parameter_leaf(*again[i].parameter, {}));
}

void TapeCore::bury(std::uint32_t from, std::uint32_t to, Arena::Position at) {
  for (std::uint32_t i = from; i < to; ++i) {
    Node& node = nodes_[i];
    if (node.has(flag::parameter)) continue;
    if (grads_[i] != nullptr && node.has(flag::held) && !node.shares_gradient()) {
      held_temporaries_.push_back({grads_[i], node.size() * bytes_each(), true});
      grads_[i] = nullptr;
    } else if (grads_[i] != nullptr) {
      give_back(i);
    }
    node.rule = &buried_rule;
    node.value = nullptr;
    node.extents = no_extents + 1;
    node.rank = 1;
    node.arity = 0;
    node.attr_words = 0;
    node.generation = 0;
    node.flags = flag::walked;
  }
  std::erase_if(held_nodes_, [&](std::uint32_t node) { return node >= from && node < to; });
  arena_.for_each_range_after(at, [&](const void* begin, const void* end) { deferred_.detach(*this, {begin, end}); });
  arena_.rewind(at);
}

// The first contribution may simply become the gradient; so it does in add_gradient().
bool TapeCore::give_gradient(std::uint32_t index, void* buffer) {
  Node& node = nodes_[index];
  const bool plain = !node.has(flag::view | flag::in_place | flag::parameter) && node.has(flag::needs_grad);
  if (plain && grads_[index] == nullptr) {
    grads_[index] = buffer;
    if (node.arity != 0) node.flags |= flag::pending;
    return true;
  }
  const Touched t = touch(index);
  if (t.data != nullptr) copy_gradient(node.size(), buffer, t.data, !t.first);
  return false;
}

// Rows [offset, offset + count) in elements; the others get nothing.
void TapeCore::seed_gradient(std::uint32_t index, const void* values, std::int64_t offset, std::int64_t count) {
  const Node& node = nodes_[index];
  if (!node.has(flag::needs_grad) || count == 0) return;
  if (count == node.size()) {
    const Touched t = touch(index);
    return copy_gradient(count, values, t.data, !t.first);
  }
  copy_gradient(count, values, static_cast<std::byte*>(zeroed(index)) + offset * bytes_each(), true);
}

void TapeCore::begin_own_peak(std::uint32_t floor) {
  own_floor_ = floor;
  pool_peak_ = pool_.peak_bytes();
  own_base_ = pool_.live_bytes() - held_bytes();
  own_peak_ = 0;
  pool_.restart_peak();
}

void TapeCore::settle_own_peak() { own_peak_ = std::max(own_peak_, pool_.peak_bytes() - held_bytes() - own_base_); }

void TapeCore::restart_pool_peak() {
  pool_peak_ = std::max(pool_peak_, pool_.peak_bytes());
  pool_.restart_peak();
}

std::int64_t TapeCore::end_own_peak() {
  settle_own_peak();
  pool_.raise_peak(pool_peak_);
  return own_peak_;
}

Schedule TapeCore::schedule_for(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes,
                                std::int64_t budget) {
  constexpr std::size_t most = 8;
  for (const Schedule& known : schedules_) {
    const Plan& p = known.plan();
    if (p.steps == steps && p.step_bytes == step_bytes && p.state_bytes == state_bytes && p.budget == budget)
      return known;
  }
  if (schedules_.size() == most) schedules_.erase(schedules_.begin());
  return schedules_.emplace_back(steps, step_bytes, state_bytes, budget);
}

std::int64_t TapeCore::held_bytes() const {
  std::int64_t bytes = deferred_.copied_bytes();
  for (const std::uint32_t node : held_nodes_) bytes += GradientPool::granted_bytes(nodes_[node].size() * bytes_each());
  for (const Temporary& t : held_temporaries_) bytes += GradientPool::granted_bytes(t.bytes);
  return bytes;
}

}  // namespace unspool::detail
