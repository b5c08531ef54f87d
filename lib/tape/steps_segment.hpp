// StepsSegment: steps of which a segment keeps what a schedule says.
//
// The schedule's stack is kept as items: copies of states, and steps whose recording lies on the tape. Both lie one on
// another in the segments' arena, so that what one kind has given up the other can have. The first pass over all steps
// runs the schedule up to its first `back`; walk() runs the rest.
//
// steps_segment.cpp computes steps and keeps what the schedule says, steps_plan.cpp measures them and counts bytes,
// steps_collect.cpp puts the results together, steps_walk.cpp walks back.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "tape/tape_core.hpp"
#include "unspool/recompute.hpp"

namespace unspool::detail {

class StepsSegment final : public Segment {
 public:
  StepsSegment(TapeCore& tape, std::unique_ptr<StepBody> body, const StepsRequest& request, Where where);
  StepsSegment(const StepsSegment&) = delete;
  ~StepsSegment() override;

  /// The first pass: computes all steps from `state`.
  void run(const std::vector<Handle>& state);
  /// Computes the first step only.
  StepCost measure(const std::vector<Handle>& state);
  /// Records the results behind the segment's node.
  void record_results(std::uint32_t node, std::vector<Handle>& state, Handle& output);
  /// What the steps read from outside, parameters last.
  std::vector<std::uint32_t> operands() const;
  bool wanted() const;

  void walk() override;

 private:
  struct Part {
    Shape shape;
    std::uint16_t flags = 0;
    std::int64_t offset = 0;
    bool operator==(const Part&) const = default;
  };
  /// How the copy of a state is laid out; few states have another layout than the one before.
  struct Layout {
    std::vector<Part> parts;
    std::int64_t bytes = 0;
  };
  /// A step that was just computed. It leads to the state before `step`.
  struct Computed {
    std::int64_t step = 0;
    std::uint64_t draws = 0;
    int alias = none;  // which part of the state the output is
    bool from_copy = false;
    std::vector<Handle> state, entered;  // the latter is what it began from
    Handle output;
    SegmentStart start;
    std::uint32_t end = 0;
    Arena::Position arena_end;
  };
  /// Of the stack: the state before `step`, as a copy or as the result of a kept step. There are as many as the budget
  /// has room for, so they are small.
  struct Item {
    std::int64_t step = 0;
    std::uint64_t draws = 0;
    std::byte* copy = nullptr;
    std::uint32_t layout = 0;
    std::uint32_t handles = 0;  // of a kept step: the first of those of its state, then of the state it began from
    std::uint16_t state_parts = 0, entered_parts = 0;
    std::int16_t alias = none;
    bool kept = false;
    bool first = false;  // in the first pass
    bool from_copy = false;
    Handle output;
    SegmentStart start;  // what the copy, or the recording, has of the tape
    Arena::Position arena_end;
    std::uint32_t end = 0;
  };
  /// A buffer of the pool.
  struct Buffer {
    std::byte* memory = nullptr;
    std::int64_t bytes = 0;
  };
  /// A result of the segment: its value so far.
  struct Result {
    Shape shape;
    std::byte* memory = nullptr;
    std::int64_t bytes = 0;
    bool pooled = false;
    bool wanted = false;
    std::uint32_t node = 0;
  };
  static constexpr int none = -1;
  static constexpr std::int64_t item_bytes = sizeof(Item) + sizeof(Item) / 8;  // as a deque has them

  void begin(const std::vector<Handle>& state);
  void run_planned();
  void run_unknown();
  void end_first_pass();
  Computed record(std::int64_t k, const Item& from);
  Computed compute(std::int64_t k, const Item& from);
  void forget(const Computed& step);
  void keep(const Computed& step);
  void advance(std::int64_t from, std::int64_t count);
  void back(std::int64_t k);
  void drop();
  void perform(const Action& action);

  std::vector<Handle> enter(const Item& item);
  std::uint32_t layout_of(const std::vector<Handle>& state);
  void push_reached(std::int64_t replaced);
  void push_reached();
  void sort_copies();
  void release(Buffer& moving) noexcept;
  bool output_is_a_state() const;
  void collect(std::int64_t k, const Computed& step);
  void collect_output(std::int64_t k, const Computed& step);
  void collect_state(std::int64_t k, const Computed& step);
  void collect_reached();
  Result make_result(const Shape& shape);
  void seed_output(std::int64_t k, const Handle& node);
  void seed_state(std::int64_t k, std::span<const Handle> state, int alias);
  void give_carried(std::span<const Handle> state);
  void carry_gradients(std::span<const Handle> entered);
  void find_operands(const Computed& step);
  StepCost cost_of(const Computed& first) const;
  void make_plan(const Computed& first);
  void adopt_plan(Schedule schedule);
  void reserve();
  std::int64_t own_bytes() const;
  void note_peak(std::int64_t gradients = 0);
  bool is_last(std::int64_t k) const { return k + 1 == request_.steps; }
  std::int64_t leaving_from(std::int64_t k, std::int64_t state_rows) const;
  std::span<const Handle> state_of(const Item& item) const { return {&handles_[item.handles], item.state_parts}; }
  std::span<const Handle> entered_of(const Item& item) const {
    return {handles_.data() + item.handles + item.state_parts, item.entered_parts};
  }

  TapeCore& tape_;
  std::unique_ptr<StepBody> body_;
  StepsRequest request_;
  Where where_;
  std::uint32_t context_;
  std::uint64_t seed_;
  bool outermost_;
  std::unique_ptr<Schedule> schedule_;  // null: everything is forgotten
  std::unique_ptr<OnlineSchedule> online_;
  StepCost cost_;
  std::int64_t plan_bytes_ = 0;  // of the budget, for recordings' values and states

  std::deque<Item> stack_;  // whose memory goes as it came
  std::vector<Handle> handles_;
  std::vector<Layout> layouts_;
  Buffer moving_[2];            // the state that an advance has reached, and the one before
  int moved_ = 0;               // which is which
  Item reached_;                // the former as an item
  std::vector<void*> carried_;  // gradients of the state that the step walked last began from, and their bytes
  std::vector<std::int64_t> carried_bytes_;
  bool carries_ = false;

  std::int64_t computed_ = 0;  // steps of the first pass
  int alias_ = none;           // of the last of them
  Result output_;
  std::vector<Result> finals_;
  std::vector<std::uint32_t> operands_, leaves_;

  bool first_pass_ = false;
  std::int64_t nodes_each_ = 0, contexts_each_ = 0;  // of a step
  std::uint32_t base_nodes_ = 0;
  std::uint32_t first_node_ = 0;  // that the first pass recorded
  std::int64_t base_bytes_ = 0;
  std::int64_t moving_bytes_ = 0;
  std::int64_t held_bytes_ = 0;  // that the group counts between the first pass and the walk
};

}  // namespace unspool::detail
