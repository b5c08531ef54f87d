// The walk back over a segment's steps.
#include <algorithm>

#include "base/check.hpp"
#include "tape/steps_segment.hpp"

namespace unspool::detail {

using std::int64_t;

// Where a recording that keeps everything would have it, a state's gradient begins with what its output receives from
// outside, then what its rows receive as final ones, then what later steps add.
void StepsSegment::seed_state(int64_t k, std::span<const Handle> state, int alias) {
  if (alias != none) seed_output(k, state[static_cast<std::size_t>(alias)]);
  const StepRange range = body_->range(k);
  const bool last = is_last(k);
  if (finals_.empty() || (range.rows < 0 && !last)) return;
  for (std::size_t p = 0; p < finals_.size(); ++p) {
    const auto* gradient = static_cast<const std::byte*>(tape_.gradient(finals_[p].node));
    if (gradient == nullptr) continue;
    const Node& node = tape_.node(state[p].index());
    const int64_t size = node.size();
    const int64_t begin = range.rows < 0 ? 0 : leaving_from(k, range.state_rows);
    const int64_t offset = range.rows < 0 || range.state_rows == 0 ? 0 : begin * (size / range.state_rows);
    tape_.seed_gradient(state[p].index(), gradient + offset * tape_.bytes_each(), offset, size - offset);
  }
}

void StepsSegment::seed_output(int64_t k, const Handle& output) {
  const bool recorded = output_.memory != nullptr && !output_is_a_state();
  const auto* gradient = recorded ? static_cast<const std::byte*>(tape_.gradient(output_.node)) : nullptr;
  if (gradient == nullptr) return;
  if (request_.outputs == StepOutputs::sum) return tape_.seed_gradient(output.index(), gradient, 0, 1);
  const StepRange range = body_->range(k);
  const int64_t each = output_.shape[0] == 0 ? 0 : output_.shape.size() / output_.shape[0];
  tape_.seed_gradient(output.index(), gradient + range.first * each * tape_.bytes_each(), 0, range.rows * each);
}

void StepsSegment::give_carried(std::span<const Handle> state) {
  carries_ = false;
  for (std::size_t p = 0; p < carried_.size(); ++p) {
    if (carried_[p] == nullptr) continue;
    if (!tape_.give_gradient(state[p].index(), carried_[p])) tape_.pool().give_back(carried_[p], carried_bytes_[p]);
    carried_[p] = nullptr;
  }
}

void StepsSegment::carry_gradients(std::span<const Handle> entered) {
  carried_.assign(entered.size(), nullptr);
  carried_bytes_.assign(entered.size(), 0);
  carries_ = true;
  for (std::size_t p = 0; p < entered.size(); ++p) {
    carried_bytes_[p] = tape_.node(entered[p].index()).size() * tape_.bytes_each();
    carried_[p] = tape_.take_gradient(entered[p].index());
  }
}

void StepsSegment::back(int64_t k) {
  const Item item = stack_.back();
  stack_.pop_back();
  tape_.begin_own_peak(first_node_);
  tape_.match_gradients();
  if (carries_) give_carried(state_of(item));
  if (is_last(k)) seed_state(k, state_of(item), item.alias);
  if (item.alias == none && !item.output.empty()) seed_output(k, item.output);
  if (k > 0) seed_state(k - 1, entered_of(item), stack_.back().alias);
  tape_.walk_range(item.end, item.start.nodes);
  note_peak(tape_.end_own_peak());
  if (item.from_copy) carry_gradients(entered_of(item));
  handles_.resize(item.handles);
  if (!item.first)
    tape_.cut(item.start);
  else if (tape_.current_arena().is_at(item.arena_end))
    tape_.bury(item.start.nodes, item.end, item.start.arena);
}

void StepsSegment::walk() {
  const bool enters = !tape_.in_segment();
  if (enters) tape_.enter_segment();
  const std::uint32_t context = tape_.labels().current();
  const std::uint64_t seed = tape_.options().seed, draws = tape_.draws();
  const SegmentStart start = tape_.segment_start();
  base_nodes_ = start.nodes;
  for (const Item& item : stack_)
    if (item.kept) base_nodes_ -= item.end - item.start.nodes;
  if (request_.group >= 0)
    tape_.segment_counts().groups[static_cast<std::size_t>(request_.group)] -= std::exchange(held_bytes_, 0);
  const auto leave = [&] {
    tape_.labels().set_current(context);
    tape_.set_draws(seed, draws);
    if (enters) tape_.leave_segment();
  };
  try {
    if (schedule_ == nullptr) {
      keep(compute(0, stack_.back()));
      back(0);
    } else {
      Action action;
      while (schedule_->next(action)) perform(action);
    }
  } catch (...) {
    tape_.deferred().abandon(tape_);
    tape_.set_floor(0);
    tape_.cut(start);
    leave();
    throw;
  }
  for (Buffer& moving : moving_) release(moving);
  reached_ = Item();
  leave();
}

}  // namespace unspool::detail
