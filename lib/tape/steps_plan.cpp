// What steps take of a budget, the plan that is made of it, and the bytes that are taken.
#include <algorithm>

#include "base/check.hpp"
#include "tape/steps_segment.hpp"

namespace unspool::detail {
namespace {

using std::int64_t;

constexpr int64_t node_bytes = sizeof(Node) + sizeof(void*);  // the other is where its gradient lies
constexpr int64_t context_bytes = sizeof(Labels::Context);

}  // namespace

StepCost StepsSegment::measure(const std::vector<Handle>& state) {
  begin(state);
  return cost_of(record(0, stack_.back()));
}

// All steps are taken to be as large as the first, or, where another has more rows, as much larger as that.
StepCost StepsSegment::cost_of(const Computed& first) const {
  const bool known = request_.steps != StepsRequest::unknown;
  const StepRange range = body_->range(0), last = known ? body_->range(request_.steps - 1) : range;
  const auto scaled = [&](int64_t bytes) {
    const double more =
        range.rows > 0 ? static_cast<double>(std::max(range.rows, last.rows)) / static_cast<double>(range.rows) : 1.0;
    return static_cast<int64_t>(static_cast<double>(bytes) * std::max(more, 1.0)) + cache_line;
  };
  const int64_t each = tape_.bytes_each();
  int64_t state = 0, gradients = 0;
  int64_t extents = 0;  // of the nodes through which a step is entered from a copy
  for (const Handle& h : first.state) {
    const Node& node = tape_.node(h.index());
    state += round_up(std::max<int64_t>(node.size() * each, 16), cache_line);
    extents += round_up((node.rank + 1) * 8, 16);
  }
  for (std::uint32_t i = first.start.nodes; i < first.end; ++i) {
    const Node& n = tape_.node(i);
    if (n.has(flag::needs_grad) && !n.has(flag::parameter) && !n.shares_gradient())
      gradients += GradientPool::granted_bytes(n.size() * each);
  }
  const auto parts = static_cast<int64_t>(first.state.size());
  StepCost cost;
  cost.steps = known ? request_.steps : INT64_MAX;
  // Later steps may keep a few numbers more: shapes that the first one shares with the initial state.
  cost.value_bytes = scaled(tape_.current_arena().used_bytes() - base_bytes_) + extents + 2 * cache_line + item_bytes;
  // Nodes and labels of steps that the first pass kept stay until the reset.
  cost.node_bytes = 2 * node_bytes * static_cast<int64_t>(first.end - first.start.nodes + parts) +
                    2 * context_bytes * static_cast<int64_t>(tape_.labels().count() - first.start.contexts) +
                    2 * parts * static_cast<int64_t>(sizeof(Handle));
  cost.state_bytes = scaled(state) + item_bytes;
  cost.walk_bytes = scaled(gradients) + 4 * GradientPool::granted_bytes(cost.state_bytes) + parts * 2 * node_bytes;
  if (request_.outputs == StepOutputs::rows && range.rows > 0) {
    const int64_t bytes = request_.total_rows * (tape_.node(first.output.index()).size() / range.rows) * each;
    cost.output_bytes = bytes + GradientPool::granted_bytes(bytes);
  }
  return cost;
}

void StepsSegment::make_plan(const Computed& first) {
  if (request_.memory < 0) return;
  cost_ = cost_of(first);
  nodes_each_ = static_cast<int64_t>(first.end - first.start.nodes + first.state.size());
  contexts_each_ = static_cast<int64_t>(tape_.labels().count() - first.start.contexts);
  if (!request_.outputs_count) cost_.output_bytes = 0;
  const int64_t fixed = cost_.output_bytes + cost_.walk_bytes, least = fixed + cost_.least();
  const bool known = request_.steps != StepsRequest::unknown;
  require(request_.memory >= least, ErrorCode::bad_argument, "unroll",
          "the memory for {} must be at least {} bytes: {} for one step and a state, {} for {}; given {}",
          known ? fmt::format("{} steps", request_.steps) : "steps of a number that is not known", least, cost_.least(),
          fixed, cost_.output_bytes > 0 ? "outputs and gradients" : "gradients", request_.memory);
  plan_bytes_ = cost_.without_nodes(request_.memory - fixed);
  if (known)
    adopt_plan(tape_.schedule_for(request_.steps, cost_.value_bytes, cost_.state_bytes, plan_bytes_));
  else
    online_ =
        std::make_unique<OnlineSchedule>(OnlineSchedule::within(cost_.value_bytes, cost_.state_bytes, plan_bytes_));
}

void StepsSegment::adopt_plan(Schedule schedule) {
  schedule_ = std::make_unique<Schedule>(std::move(schedule));
  tape_.segment_counts().plan = schedule_->plan();
  tape_.segment_counts().planned_forwards += schedule_->plan().forwards;
}

// What grows by doubling would take twice what the plan allows. Items do not lie in the arena; of the larger of a state
// and a step they are the smaller part.
void StepsSegment::reserve() {
  tape_.pool().reserve(cost_.walk_bytes);
  const int64_t largest = std::max(cost_.value_bytes, cost_.state_bytes);
  const auto in_arena = [&](int64_t bytes) {
    return bytes - static_cast<int64_t>(static_cast<double>(bytes) / static_cast<double>(largest) * item_bytes);
  };
  if (schedule_ == nullptr) return tape_.current_arena().reserve(in_arena(plan_bytes_));
  const Plan& plan = schedule_->plan();
  const auto kept_already = static_cast<int64_t>(stack_.size()) - 1;
  tape_.current_arena().reserve(in_arena(plan.peak_bytes - kept_already * plan.step_bytes));
  const int64_t recorded = plan.forwards == plan.steps ? plan.kept_steps : 2 * plan.kept_steps;
  tape_.reserve_nodes(recorded * nodes_each_);
  tape_.labels().reserve(recorded * contexts_each_);
  handles_.reserve(handles_.size() + 2 * static_cast<std::size_t>(plan.kept_steps) * stack_[0].state_parts);
}

int64_t StepsSegment::own_bytes() const {
  return tape_.current_arena().used_bytes() - base_bytes_ + moving_bytes_ + cost_.output_bytes +
         node_bytes * (static_cast<int64_t>(tape_.node_count()) - base_nodes_) +
         item_bytes * static_cast<int64_t>(stack_.size() - 1);
}

void StepsSegment::note_peak(int64_t gradients) {
  SegmentCounts& counts = tape_.segment_counts();
  const int64_t others = request_.group < 0 ? 0 : counts.groups[static_cast<std::size_t>(request_.group)];
  counts.peak_bytes = std::max(counts.peak_bytes, own_bytes() + gradients + others);
}

}  // namespace unspool::detail
