// StepsSegment: steps of which a segment keeps what a schedule says.
//
// The schedule's stack is kept as items: states, copied to buffers of the tape's gradient pool, and steps whose recording
// lies on the tape. The first pass over all steps runs the schedule up to its first `back`; walk() runs the rest.
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

  /// The first pass: computes all steps from `state`, and makes it the last one's.
  void run(std::vector<Handle>& state);
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
  /// A state in a buffer of the pool.
  struct Stored {
    std::vector<Part> parts;
    std::byte* buffer = nullptr;
    std::int64_t bytes = 0;
    std::int64_t capacity = 0;
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

  Item compute(std::int64_t k, const Item& from);
  void forget(const Item& item);
  void keep(Item item);
  void advance(std::int64_t from, std::int64_t count);
  void back(std::int64_t k);
  void drop();
  void perform(const Action& action);

  std::vector<Handle> enter(const Item& item, bool& from_stored);
  void store(const Item& item, Stored& into);
  void release(Stored& stored) noexcept;
  void collect(std::int64_t k, const Item& item);
  void collect_output(std::int64_t k, const Item& item);
  void collect_state(std::int64_t k, const Item& item);
  Result make_result(const Shape& shape);
  void seed_output(std::int64_t k, const Handle& node);
  void seed_state(std::int64_t k, const std::vector<Handle>& state, int alias);
  void give_carried(const std::vector<Handle>& state);
  void carry_gradients(const std::vector<Handle>& entered);
  void find_operands(const Item& item);
  void make_plan(const Item& first);
  void note_peak(std::int64_t gradients = 0);
  std::int64_t leaving_from(std::int64_t k, std::int64_t state_rows) const;

  TapeCore& tape_;
  std::unique_ptr<StepBody> body_;
  StepsRequest request_;
  Where where_;
  std::uint32_t context_;
  std::uint64_t seed_;
  bool outermost_;
  std::unique_ptr<Schedule> schedule_;  // null: everything is forgotten

  std::vector<Item> stack_;
  Stored moving_[2];            // the state that an advance has reached, and the one before
  int moved_ = 0;               // which is which
  Item reached_;                // the former as an item; it does not own the buffer
  std::vector<void*> carried_;  // gradients of the state that the step walked last began from, and their bytes
  std::vector<std::int64_t> carried_bytes_;
  bool carries_ = false;

  std::int64_t computed_ = 0;  // steps of the first pass
  int alias_ = none;           // of the last of them
  Result output_;
  std::vector<Result> finals_;
  std::vector<std::uint32_t> operands_, leaves_;

  bool first_pass_ = false;
  std::int64_t fixed_bytes_ = 0;  // results and their gradients
  std::uint32_t base_nodes_ = 0;
  std::uint32_t first_node_ = 0;  // that the first pass recorded
  std::int64_t base_bytes_ = 0;
  std::int64_t stored_bytes_ = 0;
};

}  // namespace unspool::detail
