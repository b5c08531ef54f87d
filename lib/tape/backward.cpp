// The reverse walk. Recording order is a topological order, so it is one loop over the nodes, from the loss down:
// a node's gradient is complete when the loop reaches it, because everything that uses it was recorded later.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "tape/tape_core.hpp"
#include "tensor/kernels.hpp"

namespace unspool::detail {

void TapeCore::backward(const Handle& loss, const void* seed, std::int64_t seed_size, Where where) {
  const std::uint32_t index = resolve(loss, "backward", where);
  bool started = false;
  try {
    check_walk(nodes_[index], index, seed == nullptr, seed_size, where);
    prepare_walk(index);
    started = true;
    seed_walk(index, seed);
    walk(index);
    log_.end();
  } catch (const std::bad_alloc&) {
    if (started) abandon_walk();
    throw Error(ErrorCode::out_of_memory, "backward",
                started ? "memory for gradients could not be had; parameter gradients hold a part of the sum"
                        : "memory for the walk could not be had; nothing was changed",
                where_text(labels_.current(), where, index));
  } catch (...) {
    if (started) abandon_walk();
    throw;
  }
}

void TapeCore::prepare_walk(std::uint32_t index) {
  grads_.resize(nodes_.size(), nullptr);
  held_.resize(nodes_.size(), 0);
  if (options_.keep_gradient_norms) {
    norms_.resize(nodes_.size(), 0);
    log_.begin(nodes_.size());
    log_.visit(index);
  }
  if (walked_end_ < index + 1) walked_end_ = index + 1;
  unwritten_.clear();
  pool_.restart_peak();
  deferred_.restart_counts();
  visits_ = 0;
}

// A walk that failed leaves no half-made gradient for the next one to add to. What stays are complete gradients that
// were asked for, and what parameters and variables had received before the failure.
void TapeCore::abandon_walk() noexcept {
  log_.end();
  deferred_.clear();
  for (const std::uint32_t node : held_nodes_) held_[node] = 0;
  held_nodes_.clear();
  release_temporaries();
  for (const Temporary& t : held_temporaries_) pool_.give_back(t.buffer, t.bytes);
  held_temporaries_.clear();
  for (const std::uint32_t leaf : unwritten_) {
    if (nodes_[leaf].has(flag::parameter))
      nodes_[leaf].parameter->grad_is_zero = true;
    else if (grads_[leaf] != nullptr)
      give_back(leaf);
  }
  unwritten_.clear();
  for (std::uint32_t i = 0; i < grads_.size(); ++i) {
    Node& node = nodes_[i];
    const bool complete = node.has(flag::keep_grad) && !node.has(flag::pending);
    if (grads_[i] != nullptr && node.arity != 0 && !complete) give_back(i);
    node.flags &= static_cast<std::uint16_t>(~flag::pending);
  }
}

// An op without derivative that stands between the node and whatever wanted a gradient.
std::string TapeCore::severed_by(std::uint32_t index) const {
  while (true) {
    const Node& node = nodes_[index];
    const bool differentiable = node.has(flag::view) || node.rule->backward[static_cast<int>(type_)] != nullptr;
    const std::uint32_t* inputs = node.inputs();
    const std::uint32_t* next = std::find_if(inputs, inputs + node.arity,
                                             [&](std::uint32_t input) { return nodes_[input].has(flag::severed); });
    if (!differentiable || next == inputs + node.arity) return fmt::format("%{} ({})", index, node.rule->info.name);
    index = *next;
  }
}

void TapeCore::check_walk(const Node& loss, std::uint32_t index, bool plain, std::int64_t seed_size, Where where) {
  const auto reject = [&](ErrorCode code, std::string what) {
    throw Error(code, "backward", what, where_text(loss.context, where, index));
  };
  if (loss.size() != seed_size && plain)
    reject(ErrorCode::not_scalar,
           fmt::format("the loss must have one element; its shape is {}", loss.shape().to_string()));
  if (loss.size() != seed_size)
    reject(ErrorCode::not_scalar, fmt::format("the seed must have the size of the value; given {} for {}", seed_size,
                                              loss.shape().to_string()));
  if (!loss.has(flag::needs_grad))
    reject(ErrorCode::no_gradient,
           loss.has(flag::severed)
               ? "every path to a parameter or variable goes through an op without a derivative: " + severed_by(index)
               : "the loss depends on no parameter and no variable");
  // Frozen ones too: their values stand in the gradients of others.
  for (const Leaf& leaf : leaves_)
    if (leaf.node <= index && leaf.version != leaf.parameter->version)
      reject(ErrorCode::parameter_changed, leaf.parameter->name + " was written after this tape read it");
  if (walked_end_ == 0) return;
  // Rare: something on this tape was walked before. Only nodes that this loss reaches matter.
  reached_.assign(index + 1, 0);
  reached_[index] = 1;
  for (std::uint32_t i = index + 1; i-- > 0;) {
    const Node& node = nodes_[i];
    if (reached_[i] == 0 || !node.has(flag::needs_grad) || node.arity == 0) continue;
    if (node.has(flag::walked))
      reject(ErrorCode::backward_twice,
             fmt::format("%{} ({}) was walked by an earlier backward", i, node.rule->info.name));
    for (std::uint32_t k = 0; k < node.arity; ++k) reached_[node.inputs()[k]] = 1;
  }
}

void TapeCore::seed_walk(std::uint32_t index, const void* seed) {
  const auto write = [&](auto one) {
    using T = decltype(one);
    const Touched t = touch(index);
    T* g = static_cast<T*>(t.data);
    for (std::int64_t i = 0; i < nodes_[index].size(); ++i)
      g[i] = (t.first ? T{0} : g[i]) + (seed == nullptr ? one : static_cast<const T*>(seed)[i]);
  };
  if (type_ == ScalarType::float32)
    write(1.0f);
  else
    write(1.0);
}

void TapeCore::walk(std::uint32_t from) {
  for (std::uint32_t i = from + 1; i-- > 0;) {
    ++visits_;
    if (nodes_[i].has(flag::pending)) visit(i);
  }
  flush_deferred();
}

void TapeCore::visit(std::uint32_t index) {
  Node& node = nodes_[index];
  node.flags = static_cast<std::uint16_t>((node.flags & ~flag::pending) | flag::walked);
  unwritten_.clear();
  log_.visit(index);
  if (options_.keep_gradient_norms) norms_[index] = norm_of(type_, grads_[index], node.size());
  if (!node.has(flag::view)) {
    const Call call{this, node.rule, node.inputs(), node.arity, index, node.attrs, node.attr_count(), node.where};
    node.rule->backward[static_cast<int>(type_)](call);
    if (watching()) watch_backward(index);
    if (!temporaries_.empty()) release_temporaries();
    if (!node.has(flag::keep_grad) && held_[index] == 0) give_back(index);
  } else if (node.has(flag::own_grad)) {
    hand_on(index);
    if (!node.has(flag::keep_grad)) give_back(index);
  } else {
    grads_[index] = nullptr;
  }
  if (deferred_.over(options_.deferred_bytes)) flush_deferred();
}

// A view with a gradient of its own adds it to the buffer that it would have shared.
void TapeCore::hand_on(std::uint32_t view) {
  const Node& node = nodes_[view];
  const std::uint32_t owner = node.pair[1];
  const std::ptrdiff_t offset = static_cast<std::byte*>(node.value) - static_cast<std::byte*>(nodes_[owner].value);
  void* into = static_cast<std::byte*>(zeroed(owner)) + offset;
  if (type_ == ScalarType::float32)
    kernels::kernel_table<float>().copy_grad(node.size(), static_cast<const float*>(grads_[view]),
                                             static_cast<float*>(into), true);
  else
    kernels::kernel_table<double>().copy_grad(node.size(), static_cast<const double*>(grads_[view]),
                                              static_cast<double*>(into), true);
}

void TapeCore::give_back(std::uint32_t index) noexcept {
  if (!nodes_[index].shares_gradient()) {
    pool_.give_back(grads_[index], nodes_[index].size() * bytes_each());
    log_.give_back(index);
  }
  grads_[index] = nullptr;
}

Touched TapeCore::touch(std::uint32_t index) {
  Node& node = nodes_[index];
  if (!node.has(flag::needs_grad)) return {nullptr, false};
  if (node.has(flag::parameter)) {
    const bool first = node.parameter->grad_is_zero;
    if (first) unwritten_.push_back(index);
    node.parameter->grad_is_zero = false;
    grads_[index] = node.parameter->grad.data();
    return {grads_[index], first};
  }
  if (node.arity != 0) node.flags |= flag::pending;
  if (grads_[index] != nullptr) return {grads_[index], false};
  if (node.shares_gradient()) {
    // The gradient of a view is a part of its root's; what was not touched there must read as zero.
    const std::uint32_t root = node.pair[1];
    const std::ptrdiff_t offset = static_cast<std::byte*>(node.value) - static_cast<std::byte*>(nodes_[root].value);
    grads_[index] = static_cast<std::byte*>(zeroed(root)) + offset;
    return {grads_[index], false};
  }
  if (node.arity == 0) unwritten_.push_back(index);
  grads_[index] = pool_.take(node.size() * bytes_each());
  log_.take(index, node.size() * bytes_each());
  return {grads_[index], true};
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

// The queues refer to rows until the flush: recorded values stay anyway, a gradient buffer is kept out of the pool.
// Only what is complete may be queued; false for a buffer that later nodes may still add to.
bool TapeCore::hold(std::int32_t owner, const void* data) {
  if (owner == owner_value) return true;
  if (owner >= 0) {
    const std::uint32_t node = static_cast<std::uint32_t>(owner);
    if (held_[node] == 0) {
      held_[node] = 1;
      held_nodes_.push_back(node);
    }
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

void TapeCore::flush_deferred() {
  log_.flush();
  deferred_.flush(*this);
  for (const std::uint32_t node : held_nodes_) {
    held_[node] = 0;
    if (!nodes_[node].has(flag::keep_grad)) give_back(node);
  }
  held_nodes_.clear();
  for (const Temporary& t : held_temporaries_) pool_.give_back(t.buffer, t.bytes);
  held_temporaries_.clear();
  log_.give_back_held();
  release_temporaries();
  if (watching()) watch_leaves();
}

// Queued products reach their parameters only at a flush.
void TapeCore::watch_leaves() {
  for (const Leaf& leaf : leaves_)
    if (grads_[leaf.node] != nullptr && !leaf.parameter->grad_is_zero &&
        has_nonfinite(type_, grads_[leaf.node], nodes_[leaf.node].size()))
      return report_nonfinite("backward", leaf.node);
}

void TapeCore::watch_backward(std::uint32_t index) {
  const Node& node = nodes_[index];
  for (std::uint32_t k = 0; k < node.arity; ++k) {
    const std::uint32_t input = node.inputs()[k];
    if (grads_[input] == nullptr) continue;
    if (has_nonfinite(type_, grads_[input], nodes_[input].size())) return report_nonfinite("backward", index);
  }
}

bool gradient_wanted(const Call& call, std::uint32_t node) { return call.tape->gradient_wanted(node); }
Touched touch_gradient(const Call& call, std::uint32_t node) { return call.tape->touch(node); }
void* zeroed_gradient(const Call& call, std::uint32_t node) { return call.tape->zeroed(node); }

RawView node_gradient(const Call& call) {
  const Node& node = call.tape->node(call.node);
  return {call.tape->gradient(call.node), node.extents, node.size(), node.rank};
}

void run_backward(TapeCore& tape, const Handle& loss, const void* seed, std::int64_t seed_size, Where where) {
  tape.backward(loss, seed, seed_size, where);
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
  node.flags |= flag::own_grad;
  for (std::uint32_t i = index + 1; i < node_count(); ++i)
    if (nodes_[i].has(flag::view)) nodes_[i].pair[1] = gradient_owner(nodes_[i].pair[0]);
}

void keep_gradient(TapeCore& tape, const Handle& x) { tape.keep_gradient(tape.resolve(x, "keep_grad", {})); }

const void* gradient_of(const Handle& x) {
  if (ParameterCore* p = x.parameter()) return parameter_grad(*p);
  require(x.tape() != nullptr, ErrorCode::stale_handle, "grad", "the Var was never recorded");
  TapeCore& tape = *x.tape();
  const std::uint32_t index = tape.resolve(x, "grad", {});
  const Node& node = tape.node(index);
  if (node.has(flag::parameter)) return parameter_grad(*node.parameter);
  require(node.has(flag::keep_grad) && node.has(flag::needs_grad), ErrorCode::no_gradient, "grad",
          "%{} ({}) keeps no gradient; use tape.variable() or tape.keep_grad()", index, node.rule->info.name);
  require(tape.gradient(index) != nullptr || tape.stats().backward_visits > 0, ErrorCode::no_gradient, "grad",
          "backward() has not been run");
  // Nothing arrived: the loss does not depend on it. Exact zeros, in memory of the gradient pool.
  return tape.gradient(index) != nullptr ? tape.gradient(index) : tape.zeroed_after_walk(index);
}

}  // namespace unspool::detail
