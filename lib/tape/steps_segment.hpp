// StepsSegment: steps of which a segment keeps what a schedule says.
//
// The schedule's stack is kept as items: copies of states, and steps whose recording lies on the tape. Both lie one on
// another in the segments' arena, so that what one kind has given up the other can have. The first pass over all steps
// runs the schedule up to its first `back`; walk() runs the rest.
//
// steps_segment.cpp computes steps and keeps what the schedule says, steps_plan.cpp measures them and counts bytes,
// steps_collect.cpp puts the results together, steps_walk.cpp walks back.
#pragma once

#include <memory>
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
  };
  struct Buffer {
    std::byte* memory = nullptr;
    std::int64_t bytes = 0;
    Arena::Position begin, end;  // in the segments' arena; not set where it is of the pool
  };
  /// A copy of a state.
  struct Stored {
    std::vector<Part> parts;
    std::int64_t bytes = 0;
    Buffer buffer;
  };
  /// What a step leaves behind, stored or as handles: the state before `step`.
  struct Item {
    std::int64_t step = 0;
    bool kept = false;   // the step before `step` is recorded, in nodes [start.nodes, end)
    bool first = false;  // in the first pass
    int alias = none;    // which part of the state the output of the step before is
    std::uint64_t draws = 0;
    Stored stored;
    std::vector<Handle> state, entered;  // the handles of a kept step's state, and of the one it began from
    Handle output;
    bool from_stored = false;
    SegmentStart start;
    std::uint32_t end = 0;
    Arena::Position arena_end;
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

  void begin(const std::vector<Handle>& state);
  void run_planned();
  void run_unknown();
  void end_first_pass();
  Item record(std::int64_t k, const Item& from);
  Item compute(std::int64_t k, const Item& from);
  void forget(const Item& item);
  void keep(Item item);
  void advance(std::int64_t from, std::int64_t count);
  void back(std::int64_t k);
  void drop();
  void perform(const Action& action);

  std::vector<Handle> enter(const Item& item, bool& from_stored);
  void push_reached(Buffer reused);
  void copy_state(const Item& item, Stored& into);
  void sort_buffers();
  void release(Stored& moving) noexcept;
  bool output_is_a_state() const;
  void collect(std::int64_t k, const Item& item);
  void collect_output(std::int64_t k, const Item& item);
  void collect_state(std::int64_t k, const Item& item);
  void collect_reached();
  Result make_result(const Shape& shape);
  void seed_output(std::int64_t k, const Handle& node);
  void seed_state(std::int64_t k, const std::vector<Handle>& state, int alias);
  void give_carried(const std::vector<Handle>& state);
  void carry_gradients(const std::vector<Handle>& entered);
  void find_operands(const Item& item);
  StepCost cost_of(const Item& first) const;
  void make_plan(const Item& first);
  void adopt_plan(Schedule schedule);
  void reserve();
  std::int64_t own_bytes() const;
  void note_peak(std::int64_t gradients = 0);
  bool is_last(std::int64_t k) const { return k + 1 == request_.steps; }
  std::int64_t leaving_from(std::int64_t k, std::int64_t state_rows) const;

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

  std::vector<Item> stack_;
  Stored moving_[2];            // the state that an advance has reached, and the one before, in buffers of the pool
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
  std::int64_t nodes_each_ = 0;  // of a step
  std::uint32_t base_nodes_ = 0;
  std::uint32_t first_node_ = 0;  // that the first pass recorded
  std::int64_t base_bytes_ = 0;
  std::int64_t moving_bytes_ = 0;
  std::int64_t held_bytes_ = 0;  // that the group counts between the first pass and the walk
};

}  // namespace unspool::detail
