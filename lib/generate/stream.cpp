#include "unspool/stream.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "ops/op_rules.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {
namespace {

constexpr const char* op = "Stream";
constexpr std::uint32_t unset = ~std::uint32_t{0};

}  // namespace

void check_streamable(bool bidirectional) {
  require(!bidirectional, ErrorCode::unsupported, op,
          "a bidirectional layer cannot run step by step: it needs the end");
}

StreamCore::StreamCore(TapeCore& tape) : tape_(&tape), draws_(tape.draws()) {}

void StreamCore::add_ids(const Handle& rows) {
  const std::uint32_t node = tape_->resolve(rows, op, {});
  require(tape_->node(node).rule == &embedding_rule, ErrorCode::unsupported, op,
          "ids() is for an embedding that is one op; given {}", tape_->node(node).rule->info.name);
  ids_.push_back(node);
}

void StreamCore::add_state(const Handle& leaf) {
  states_.push_back(leaf.index());
  next_.push_back(unset);
}

void StreamCore::set_next(const Handle& state, const Handle& value) {
  const auto found = std::find(states_.begin(), states_.end(), tape_->resolve(state, op, {}));
  require(found != states_.end(), ErrorCode::bad_argument, op, "next() is for what state() returned; given {}",
          describe(state));
  const auto k = static_cast<std::size_t>(found - states_.begin());
  require(next_[k] == unset, ErrorCode::bad_argument, op, "a state must have one next value; state {} has two", k);
  require(shape_of(state) == shape_of(value), ErrorCode::shape_mismatch, op,
          "a state and its next value must have one shape; state {} is {} and becomes {}", k,
          shape_of(state).to_string(), shape_of(value).to_string());
  next_[k] = tape_->resolve(value, op, {});
}

void StreamCore::add_output(const Handle& value) { outputs_.push_back(tape_->resolve(value, op, {})); }

void StreamCore::close() {
  for (std::size_t k = 0; k < states_.size(); ++k)
    require(next_[k] != unset, ErrorCode::bad_argument, op,
            "every state must be told with next() what it becomes; state {} is not", k);
  require(tape_->draws() == draws_, ErrorCode::unsupported, op,
          "a step must not draw random numbers; turn dropout off with set_training(false) before making the stream");
  for (const std::uint32_t state : states_) {
    const std::span<std::byte> first = bytes(state);
    start_.insert(start_.end(), first.begin(), first.end());
  }
  for (std::uint32_t i = 0; i < tape_->node_count(); ++i)
    require(tape_->node(i).rule != &segment_rule, ErrorCode::unsupported, op,
            "a step keeps what it records: it cannot contain a checkpoint or a budget");
  copies_.resize(start_.size());
  // The second use of a weight packs it; what a rule takes for a while comes from a pool that has it from then on.
  for (int run = 0; run < 2; ++run) tape_->recompute(0, tape_->node_count());
}

void StreamCore::step() {
  check_ids();
  tape_->recompute(0, tape_->node_count());
  std::size_t at = 0;
  for (const std::uint32_t node : next_) {
    const std::span<std::byte> from = bytes(node);
    std::copy(from.begin(), from.end(), copies_.begin() + static_cast<std::ptrdiff_t>(at));
    at += from.size();
  }
  write_states(copies_);
}

void StreamCore::reset() { write_states(start_); }

void StreamCore::write_states(std::span<const std::byte> values) {
  for (const std::uint32_t state : states_) {
    const std::span<std::byte> to = bytes(state);
    std::copy_n(values.begin(), to.size(), to.begin());
    values = values.subspan(to.size());
  }
}

std::uint32_t StreamCore::at(const Nodes& nodes, std::int64_t k, const char* what) const {
  require(k >= 0 && k < static_cast<std::int64_t>(nodes.size()), ErrorCode::index_out_of_range, op,
          "{} number {} must be one of the {} that the step named", what, k, nodes.size());
  return nodes[static_cast<std::size_t>(k)];
}

std::span<std::byte> StreamCore::bytes(std::uint32_t node) const {
  const Node& n = tape_->node(node);
  return {static_cast<std::byte*>(n.value), static_cast<std::size_t>(n.size() * tape_->bytes_each())};
}

// An embedding's attributes: the rank of the ids, their extents, the ids. They lie in the tape's own memory.
std::span<std::int64_t> StreamCore::words(std::uint32_t embedding) const {
  const Node& n = tape_->node(embedding);
  auto* const attrs = const_cast<std::int64_t*>(n.attrs());
  const std::int64_t before = 1 + attrs[0];
  return {attrs + before, static_cast<std::size_t>(n.attr_count() - before)};
}

void StreamCore::check_ids() const {
  for (std::size_t k = 0; k < ids_.size(); ++k) {
    const std::int64_t rows = tape_->node(tape_->node(ids_[k]).inputs()[0]).extents[0];
    for (const std::int64_t id : words(ids_[k]))
      require(id >= 0 && id < rows, ErrorCode::index_out_of_range, op, "ids {} must be in 0..{}; given {}", k, rows - 1,
              id);
  }
}

}  // namespace unspool::detail
