// The reverse walk. Recording order is a topological order, so it is one loop over the nodes, from the loss down:
// a node's gradient is complete when the loop reaches it, because everything that uses it was recorded later.
#include "base/with_scalar.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {

void TapeCore::seed_walk(std::uint32_t index, const void* seed) {
  with_scalar(type_, [&]<class T>() {
    const Touched t = touch(index);
    T* g = static_cast<T*>(t.data);
    for (std::int64_t i = 0; i < nodes_[index].size(); ++i)
      g[i] = (t.first ? T{0} : g[i]) + (seed == nullptr ? T{1} : static_cast<const T*>(seed)[i]);
  });
}

void TapeCore::walk(std::uint32_t from) {
  walk_range(from + 1, 0);
  if (options_.step_ledger) complete_ledger();
  flush_deferred(true);
}

void TapeCore::walk_range(std::uint32_t from, std::uint32_t to) {
  Call call{this, nullptr, nodes_.data(), grads_.data(), 0};
  for (std::uint32_t i = from; i-- > to;) {
    ++visits_;
    if (!nodes_[i].has(flag::pending)) continue;
    call.node = &nodes_[i];
    call.index = i;
    visit(call);
    call.nodes = nodes_.data();  // a segment has recorded steps anew
    call.gradients = grads_.data();
  }
}

void TapeCore::visit(const Call& call) {
  const std::uint32_t index = call.index;
  Node& node = nodes_[index];
  node.flags = static_cast<std::uint16_t>((node.flags & ~flag::pending) | flag::walked);
  unwritten_.clear();
  if (observed()) [[unlikely]]
    observe(index);
  if (node.has(flag::view)) return visit_view(index);
  if (node.rule == &segment_rule || node.rule == &segment_output_rule) [[unlikely]]
    return visit_segment(index);
  node.rule->backward[static_cast<int>(type_)](call);
  if (!temporaries_.empty()) release_temporaries();
  if (heir_ != no_node)
    hand_over();
  else if (!node.has(flag::keep_grad | flag::held))
    give_back(index);
  if (watching()) [[unlikely]]
    watch_gradients(index);
  // Where memory is counted nothing waits longer than it must.
  if (in_segment_ ? deferred_.full() : deferred_.full_before(visits_)) [[unlikely]]
    flush_deferred(false);
}

// A view's gradient is a part of its owner's. One with a buffer of its own adds it to the one it would have shared.
void TapeCore::visit_view(std::uint32_t view) {
  const Node& node = nodes_[view];
  if (node.has(flag::own_grad)) {
    std::byte* const shared = static_cast<std::byte*>(zeroed(node.pair[1])) + offset_in(node.pair[1], node);
    copy_gradient(node.size(), grads_[view], shared, true);
  }
  // The operand may have been written in place: then it is to be visited.
  if (nodes_[node.pair[0]].shares_gradient()) touch(node.pair[0]);
  if (!node.has(flag::own_grad) || !node.has(flag::keep_grad)) give_back(view);
}

void TapeCore::flush_deferred(bool all) {
  ledger_.end_visit();
  log_.flush();
  // The log of who holds memory knows of no copies.
  if (in_segment_) settle_own_peak();
  const bool done = deferred_.flush(*this, all, observed());
  if (done && !options_.step_ledger) release_held();
  release_temporaries();
  if (in_segment_) restart_pool_peak();
  if (watching()) [[unlikely]]
    watch_leaves();
}

void TapeCore::release_held() noexcept {
  for (const std::uint32_t node : held_nodes_) {
    nodes_[node].flags &= static_cast<std::uint16_t>(~flag::held);
    // Rows of a buffer that steps still add to are queued too: that goes back when its own node has been visited.
    if (nodes_[node].has(flag::walked) && !nodes_[node].has(flag::keep_grad)) give_back(node);
  }
  held_nodes_.clear();
  for (const Temporary& t : held_temporaries_) pool_.give_back(t.buffer, t.bytes);
  held_temporaries_.clear();
  log_.give_back_held();
}

[[gnu::cold]] void TapeCore::observe(std::uint32_t index) {
  if (options_.keep_gradient_norms) {
    log_.visit(index);
    norms_[index] = norm_of(type_, grads_[index], nodes_[index].size());
  }
  if (options_.step_ledger) ledger_.begin_visit(labels_.context(nodes_[index].context).step);
}

}  // namespace unspool::detail
