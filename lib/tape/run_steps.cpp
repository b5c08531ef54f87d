// What makes segments of steps.
#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "tape/steps_segment.hpp"

namespace unspool::detail {
namespace {

using std::int64_t;

/// While it lives, steps are recorded in the segments' arena.
class SegmentRecording {
 public:
  explicit SegmentRecording(TapeCore& tape)
      : tape_(tape),
        enters_(!tape.in_segment()),
        context_(tape.labels().current()),
        seed_(tape.options().seed),
        draws_(tape.draws()) {
    if (enters_) tape_.enter_segment();
    start_ = tape_.segment_start();
  }
  SegmentRecording(const SegmentRecording&) = delete;
  ~SegmentRecording() {
    tape_.labels().set_current(context_);
    if (enters_) tape_.leave_segment();
  }
  /// Cuts off what was recorded.
  void undo() {
    tape_.set_floor(0);
    tape_.cut(start_);
    tape_.set_draws(seed_, draws_);
  }
  const SegmentStart& start() const { return start_; }

 private:
  TapeCore& tape_;
  bool enters_;
  std::uint32_t context_;
  std::uint64_t seed_, draws_;
  SegmentStart start_;
};

/// Numbers that are not to be: nobody is told of infinities among them.
class WithoutWatch {
 public:
  explicit WithoutWatch(TapeCore& tape) : tape_(tape), before_(tape.options().watch) { tape_.set_watch(Watch::off); }
  WithoutWatch(const WithoutWatch&) = delete;
  ~WithoutWatch() { tape_.set_watch(before_); }

 private:
  TapeCore& tape_;
  Watch before_;
};

[[noreturn]] void fail_memory(const TapeCore& tape, Where where) {
  throw Error(ErrorCode::out_of_memory, "unroll", "memory for the steps could not be had",
              tape.where_text(tape.labels().current(), where, tape.node_count()));
}

}  // namespace

StepBody::~StepBody() = default;

StepOffset::StepOffset(TapeCore& tape, int64_t first) : tape_(&tape), before_(tape.labels().set_first_step(first)) {}
StepOffset::~StepOffset() { tape_->labels().set_first_step(before_); }

void run_steps(TapeCore& tape, StepBody* body, const StepsRequest& request, std::vector<Handle>& state, Handle& output,
               Where where) try {
  auto segment = std::make_unique<StepsSegment>(tape, std::unique_ptr<StepBody>(body), request, where);
  StepsSegment& steps = *segment;
  Arena::Position start;
  {
    SegmentRecording recording(tape);
    start = recording.start().arena;
    try {
      steps.run(state);
    } catch (...) {
      segment.reset();
      recording.undo();
      throw;
    }
  }
  const std::uint32_t node = tape.record_segment(std::move(segment), steps.operands(), steps.wanted(), start, where);
  steps.record_results(node, state, output);
} catch (const std::bad_alloc&) {
  fail_memory(tape, where);
}

StepCost measure_steps(TapeCore& tape, StepBody* body, const StepsRequest& request, std::vector<Handle> state,
                       Where where) try {
  StepsSegment segment(tape, std::unique_ptr<StepBody>(body), request, where);
  const WithoutWatch unwatched(tape);
  SegmentRecording recording(tape);
  const SegmentCounts before = tape.segment_counts();
  StepCost cost;
  try {
    cost = segment.measure(state);
  } catch (...) {
    recording.undo();
    throw;
  }
  recording.undo();
  tape.segment_counts() = before;
  // Where a chunk of the arena ends within a step, more or fewer of its values need padding.
  cost.value_bytes += cache_line;
  return cost;
} catch (const std::bad_alloc&) {
  fail_memory(tape, where);
}

Handle record_stand_in(TapeCore& tape, const Shape& shape, Where where) {
  const Handle zeros = tape.record_leaf(variable_rule, shape, nullptr, flag::needs_grad, where);
  if (shape.size() > 0)
    std::memset(tape.node(zeros.index()).value, 0, static_cast<std::size_t>(shape.size() * tape.bytes_each()));
  return zeros;
}

void reverse_packed(TapeCore& tape) { tape.labels().reverse_packed(); }

bool forgets(const TapeCore& tape) { return !tape.keeps_all(); }

RecomputeStats recompute_stats(const TapeCore& tape) {
  const SegmentCounts& counts = tape.segment_counts();
  return {counts.forwards, counts.planned_forwards, counts.peak_bytes, counts.plan};
}

}  // namespace unspool::detail
