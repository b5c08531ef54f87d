// The reverse walk. Recording order is a topological order, so it is one loop over the nodes, from the loss down:
// a node's gradient is complete when the loop reaches it, because everything that uses it was recorded later.
#include <cstring>
#include <fmt/format.h>

#include "base/check.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {

void TapeCore::backward(const Handle& loss, const void* seed, std::int64_t seed_size, Where where) {
  const std::uint32_t index = resolve(loss, "backward", where);
  check_walk(nodes_[index], index, seed_size, where);
  grads_.resize(nodes_.size(), nullptr);
  held_.resize(nodes_.size(), 0);
  if (options_.keep_gradient_norms) norms_.resize(nodes_.size(), 0);
  if (walked_end_ < index + 1) walked_end_ = index + 1;
  pool_.restart_peak();
  deferred_.restart_counts();
  visits_ = 0;
  try {
    seed_walk(index, seed);
    walk(index);
  } catch (const std::bad_alloc&) {
    deferred_.clear();
    throw Error(ErrorCode::out_of_memory, "backward",
                "memory for gradients could not be had; parameter gradients hold a part of the sum",
                where_text(labels_.current(), where, index));
  } catch (...) {
    deferred_.clear();
    throw;
  }
}

void TapeCore::check_walk(const Node& loss, std::uint32_t index, std::int64_t seed_size, Where where) const {
  const auto reject = [&](ErrorCode code, std::string what) {
    throw Error(code, "backward", what, where_text(loss.context, where, index));
  };
  if (loss.size() != seed_size)
    reject(ErrorCode::not_scalar, fmt::format("the seed has {} elements and the value {}", seed_size, loss.shape().to_string()));
  if (!loss.has(flag::needs_grad))
    reject(ErrorCode::no_gradient, loss.has(flag::severed)
               ? "every path from the loss to a parameter or variable goes through an op without a derivative"
               : "the loss depends on no parameter and no variable");
  for (const Leaf& leaf : leaves_)
    if (leaf.parameter->trainable && leaf.version != leaf.parameter->version)
      reject(ErrorCode::parameter_changed, leaf.parameter->name + " was written after this tape read it");
  if (walked_end_ == 0) return;
  // Rare: something on this tape was walked before. Only nodes that this loss reaches matter.
  std::vector<std::uint8_t> reached(index + 1, 0);
  reached[index] = 1;
  for (std::uint32_t i = index + 1; i-- > 0;) {
    const Node& node = nodes_[i];
    if (reached[i] == 0 || !node.has(flag::needs_grad) || node.arity == 0) continue;
    if (node.has(flag::walked))
      reject(ErrorCode::backward_twice, fmt::format("%{} ({}) was walked by an earlier backward", i, node.rule->info.name));
    for (std::uint32_t k = 0; k < node.arity; ++k) reached[node.inputs()[k]] = 1;
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
    if (grads_[i] != nullptr && nodes_[i].arity != 0) visit(i);
  }
  flush_deferred();
}

void TapeCore::visit(std::uint32_t index) {
  Node& node = nodes_[index];
  node.flags |= flag::walked;
  visiting_ = index;
  if (options_.keep_gradient_norms) norms_[index] = norm_of(type_, grads_[index], node.size());
  if (!node.has(flag::view)) {
    const Call call{this, node.rule, node.inputs(), node.arity, index, node.attrs, node.attr_count(), node.where};
    node.rule->backward[static_cast<int>(type_)](call);
    if (options_.watch != Watch::off && first_nonfinite_.empty()) watch_backward(index);
    if (!temporaries_.empty()) release_temporaries();
    if (!node.has(flag::keep_grad) && held_[index] == 0) give_back(index);
    visiting_ = no_node;
  } else if (!node.has(flag::keep_grad)) {
    grads_[index] = nullptr;
  }
  if (deferred_.over(options_.deferred_bytes)) flush_deferred();
}

void TapeCore::give_back(std::uint32_t index) {
  pool_.give_back(grads_[index], nodes_[index].size() * bytes_each());
  grads_[index] = nullptr;
}

Touched TapeCore::touch(std::uint32_t index) {
  const Node& node = nodes_[index];
  if (!node.has(flag::needs_grad)) return {nullptr, false};
  if (node.has(flag::parameter)) {
    const bool first = node.parameter->grad_is_zero;
    node.parameter->grad_is_zero = false;
    grads_[index] = node.parameter->grad.data();
    return {grads_[index], first};
  }
  if (grads_[index] != nullptr) return {grads_[index], false};
  if (node.has(flag::view)) {
    // The gradient of a view is a part of its root's; what was not touched there must read as zero.
    const std::uint32_t root = node.pair[1];
    const std::ptrdiff_t offset = static_cast<std::byte*>(node.value) - static_cast<std::byte*>(nodes_[root].value);
    grads_[index] = static_cast<std::byte*>(zeroed(root)) + offset;
    return {grads_[index], false};
  }
  grads_[index] = pool_.take(node.size() * bytes_each());
  return {grads_[index], true};
}

void* TapeCore::zeroed(std::uint32_t index) {
  const Touched t = touch(index);
  if (t.first && t.data != nullptr)
    std::memset(t.data, 0, static_cast<std::size_t>(nodes_[index].size() * bytes_each()));
  return t.data;
}

void* TapeCore::zeroed_after_walk(std::uint32_t index) {
  grads_.resize(nodes_.size(), nullptr);
  return zeroed(index);
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
  for (Temporary& t : temporaries_)
    if (data >= t.buffer && data < static_cast<std::byte*>(t.buffer) + t.bytes) t.held = true;
  return true;
}

void TapeCore::flush_deferred() {
  deferred_.flush(*this);
  for (const std::uint32_t node : held_nodes_) {
    held_[node] = 0;
    if (!nodes_[node].has(flag::keep_grad) && node != visiting_) give_back(node);
  }
  held_nodes_.clear();
  for (Temporary& t : temporaries_) t.held = false;
  release_temporaries();
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

void keep_gradient(TapeCore& tape, const Handle& x) {
  tape.node(tape.resolve(x, "keep_grad", {})).flags |= flag::keep_grad;
}

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
