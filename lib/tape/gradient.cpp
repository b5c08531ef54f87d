// Gradient buffers: where a node's gradient lies while the walk adds to it, and when its memory goes back to the pool.
#include <cstring>

#include "base/check.hpp"
#include "base/with_scalar.hpp"
#include "tape/tape_core.hpp"
#include "tensor/kernels.hpp"
#include "unspool/sink.hpp"

namespace unspool::detail {

Touched TapeCore::touch(std::uint32_t index) {
  Node& node = nodes_[index];
  const bool plain =
      (node.flags & (flag::needs_grad | flag::parameter | flag::view | flag::in_place)) == flag::needs_grad;
  if (!plain || node.arity == 0) [[unlikely]]
    return touch_special(index);
  node.flags |= flag::pending;
  if (index == heir_) [[unlikely]]
    copy_to_heir();
  if (grads_[index] != nullptr) return {grads_[index], false};
  return {take(index), true};
}

Touched TapeCore::touch_special(std::uint32_t index) {
  Node& node = nodes_[index];
  if (!node.has(flag::needs_grad)) return {nullptr, false};
  if (node.has(flag::parameter) && ledger_.visiting()) return touch_ledger(index);
  if (node.has(flag::parameter) && !local_gradients_) {
    const bool first = node.parameter->grad_is_zero;
    if (first) unwritten_.push_back(index);
    node.parameter->grad_is_zero = false;
    grads_[index] = node.parameter->grad.data();
    return {grads_[index], first};
  }
  if (node.arity != 0) node.flags |= flag::pending;
  if (grads_[index] != nullptr) return {grads_[index], false};
  if (node.shares_gradient()) {
    const std::uint32_t owner = gradient_owner(index);
    if (nodes_[owner].size() == node.size()) {
      const Touched whole = touch(owner);
      grads_[index] = whole.data;
      return whole;
    }
    // The gradient of a view is a part of its owner's; what was not touched there must read as zero.
    grads_[index] = static_cast<std::byte*>(zeroed(owner)) + offset_in(owner, node);
    return {grads_[index], false};
  }
  if (node.arity == 0) unwritten_.push_back(index);
  return {take(index), true};
}

std::ptrdiff_t TapeCore::offset_in(std::uint32_t owner, const Node& part) const {
  return static_cast<std::byte*>(part.value) - static_cast<std::byte*>(nodes_[owner].value);
}

void* TapeCore::zeroed(std::uint32_t index) {
  const Touched t = touch(index);
  if (t.first && t.data != nullptr)
    std::memset(t.data, 0, static_cast<std::size_t>(nodes_[index].size() * bytes_each()));
  return t.data;
}

void* TapeCore::zeroed_after_walk(std::uint32_t index) try {
  grads_.resize(nodes_.size(), nullptr);
  void* zeros = zeroed(index);
  nodes_[index].flags &= static_cast<std::uint16_t>(~flag::pending);
  return zeros;
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "grad", "memory for the gradient of %{} could not be had", index);
}

void* TapeCore::take(std::uint32_t index) {
  const std::int64_t bytes = nodes_[index].size() * bytes_each();
  grads_[index] = pool_.take(bytes);
  if (in_segment_ && index < own_floor_) [[unlikely]]
    own_base_ += GradientPool::granted_bytes(bytes);
  log_.take(index, bytes);
  return grads_[index];
}

void TapeCore::give_back(std::uint32_t index) noexcept {
  if (!nodes_[index].shares_gradient()) {
    pool_.give_back(grads_[index], nodes_[index].size() * bytes_each());
    log_.give_back(index);
  }
  grads_[index] = nullptr;
}

void TapeCore::copy_gradient(std::int64_t count, const void* from, void* to, bool accumulate) const {
  with_scalar(type_, [&]<class T>() {
    kernels::kernel_table<T>().copy_grad(count, static_cast<const T*>(from), static_cast<T*>(to), accumulate);
  });
}

// Where all that a node's operand receives is the node's own gradient (a sum's terms), the buffer itself moves on when
// the rule has returned: the operand is its heir. Nothing is copied then. Not where someone looks at single gradients.
void TapeCore::add_gradient(const Call& call, std::uint32_t index, const void* values) {
  constexpr std::uint16_t source_bars = flag::view | flag::in_place | flag::keep_grad | flag::held;
  constexpr std::uint16_t heir_bars = flag::view | flag::in_place | flag::parameter;
  Node& node = nodes_[index];
  // A bias that met a single row is one that meets many: its rows wait for the others.
  if (node.has(flag::parameter) && node.has(flag::needs_grad) && node.rank < call.node->rank && node.size() > 0 &&
      values == grads_[call.index] &&
      queue_columns(call, index, values, 1, node.size(), static_cast<std::int32_t>(call.index)))
    return;
  if (values == grads_[call.index] && heir_ == no_node && !observed() && grads_[index] == nullptr &&
      node.has(flag::needs_grad) && node.arity != 0 && !node.has(heir_bars) && !call.node->has(source_bars)) {
    node.flags |= flag::pending;
    heir_ = index;
    heir_source_ = call.index;
    return;
  }
  const Touched t = touch(index);
  if (t.data != nullptr) copy_gradient(node.size(), values, t.data, !t.first);
}

// The rule has more to add to its heir, or the buffer is wanted where it is.
void TapeCore::copy_to_heir() {
  const std::uint32_t heir = std::exchange(heir_, no_node);
  copy_gradient(nodes_[heir].size(), grads_[heir_source_], take(heir), false);
}

void TapeCore::hand_over() {
  if (nodes_[heir_source_].has(flag::held)) return copy_to_heir();
  grads_[heir_] = std::exchange(grads_[heir_source_], nullptr);
  heir_ = no_node;
}

// The queues refer to rows until the flush: recorded values stay anyway, a gradient buffer is kept out of the pool.
// Only what is complete may be queued; false for a buffer that later nodes may still add to.
bool TapeCore::hold(std::int32_t owner, const void* data) {
  if (owner == owner_value) return true;
  if (owner >= 0) {
    Node& node = nodes_[static_cast<std::uint32_t>(owner)];
    if (!node.has(flag::held)) held_nodes_.push_back(static_cast<std::uint32_t>(owner));
    node.flags |= flag::held;
    return true;
  }
  if (owner != owner_temporary) return false;
  for (Temporary& t : temporaries_) {
    if (t.held || data < t.buffer || data >= static_cast<std::byte*>(t.buffer) + t.bytes) continue;
    held_temporaries_.push_back(t);
    log_.hold_scratch(t.bytes);
    t.held = true;
  }
  return true;
}

// A parameter keeps its gradient anyway. A view whose gradient is to be read gets a buffer of its own: in the shared
// one it would mix with what other users of the same memory add. Views of that view then lie in the new buffer.
void TapeCore::keep_gradient(std::uint32_t index) {
  Node& node = nodes_[index];
  if (node.has(flag::parameter | flag::keep_grad)) return;
  require(!node.has(flag::walked), ErrorCode::no_gradient, "keep_grad",
          "must be called before backward(); %{} ({}) has been walked and its gradient is gone", index,
          node.rule->info.name);
  node.flags |= flag::keep_grad;
  if (!node.shares_gradient()) return;
  if (node.has(flag::in_place)) return keep_gradient(gradient_owner(index));
  node.flags |= flag::own_grad;
  for (std::uint32_t i = index + 1; i < node_count(); ++i)
    if (nodes_[i].has(flag::view)) nodes_[i].pair[1] = gradient_owner(nodes_[i].pair[0]);
}

Touched touch_gradient(const Call& call, std::uint32_t node) { return call.tape->touch(node); }
void* zeroed_gradient(const Call& call, std::uint32_t node) { return call.tape->zeroed(node); }
void add_gradient(const Call& call, std::uint32_t node, const void* values) {
  call.tape->add_gradient(call, node, values);
}

}  // namespace unspool::detail
