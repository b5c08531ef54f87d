// What stands around a walk: whether it may begin, and what is left when it fails.
#include <fmt/core.h>

#include <algorithm>

#include "base/check.hpp"
#include "tape/graph_request.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {

void TapeCore::backward(const Handle& loss, const void* seed, std::int64_t seed_size, Where where) {
  const std::uint32_t index = resolve(loss, "backward", where);
  require(!in_segment_, ErrorCode::bad_argument, "backward", "must not be called by a step or part that is recomputed");
  bool started = false;
  try {
    check_walk(nodes_[index], index, seed == nullptr, seed_size, where);
    prepare_walk(index);
    started = true;
    if (history_.grows(node_count())) [[unlikely]]
      warn_of_growth();
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
  if (walked_end_ > 0) check_unwalked(index, where);
}

// Rare: something on this tape was walked before. Only nodes that this loss reaches matter.
void TapeCore::check_unwalked(std::uint32_t from, Where where) {
  reached_.assign(from + 1, 0);
  reached_[from] = 1;
  for (std::uint32_t i = from + 1; i-- > 0;) {
    const Node& node = nodes_[i];
    if (reached_[i] == 0 || !node.has(flag::needs_grad) || node.arity == 0) continue;
    if (node.has(flag::walked))
      throw Error(ErrorCode::backward_twice, "backward",
                  fmt::format("{} was walked by an earlier backward{}", name_text(i), reached_through(i, from)),
                  where_text(nodes_[from].context, where, from));
    for (std::uint32_t k = 0; k < node.arity; ++k) reached_[node.inputs()[k]] = 1;
  }
}

// What of the new part reads a value that was walked before: where a history that should have ended goes on.
std::string TapeCore::reached_through(std::uint32_t walked, std::uint32_t from) const {
  for (std::uint32_t i = walked + 1; i <= from; ++i) {
    const std::uint32_t* const inputs = nodes_[i].inputs();
    if (reached_[i] == 0 || nodes_[i].arity == 0 ||
        std::find(inputs, inputs + nodes_[i].arity, walked) == inputs + nodes_[i].arity)
      continue;
    return fmt::format(
        "; {} reads it; to cut the history there, detach() it or go on from its numbers, as "
        "TruncatedBptt does",
        name_text(i));
  }
  return "";
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

void TapeCore::prepare_walk(std::uint32_t index) {
  grads_.resize(nodes_.size(), nullptr);
  if (options_.keep_gradient_norms) {
    norms_.resize(nodes_.size(), 0);
    log_.begin(nodes_.size());
    log_.visit(index);
  }
  if (options_.step_ledger) {
    forget_ledger();
    ledger_.begin_visit(labels_.context(nodes_[index].context).step);
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
  deferred_.abandon(*this);
  heir_ = no_node;
  release_temporaries();
  forget_ledger();
  release_held();
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

void run_backward(TapeCore& tape, const Handle& loss, const void* seed, std::int64_t seed_size, Where where) {
  tape.backward(loss, seed, seed_size, where);
  if (graph_request() != nullptr && tape.type() != ScalarType::dual64) [[unlikely]]
    write_requested_graph(tape);
}

}  // namespace unspool::detail
