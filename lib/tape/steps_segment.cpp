#include "tape/steps_segment.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"

namespace unspool::detail {

using std::int64_t;

StepsSegment::StepsSegment(TapeCore& tape, std::unique_ptr<StepBody> body, const StepsRequest& request, Where where)
    : tape_(tape),
      body_(std::move(body)),
      request_(request),
      where_(where),
      context_(tape.labels().current()),
      seed_(tape.options().seed),
      outermost_(!tape.in_segment()) {}

StepsSegment::~StepsSegment() {
  for (Stored& moving : moving_) release(moving);
  if (carries_)
    for (std::size_t p = 0; p < carried_.size(); ++p)
      if (carried_[p] != nullptr) tape_.pool().give_back(carried_[p], carried_bytes_[p]);
  if (output_.pooled && output_.memory != nullptr) tape_.pool().give_back(output_.memory, output_.bytes);
  for (Result& r : finals_)
    if (r.pooled && r.memory != nullptr) tape_.pool().give_back(r.memory, r.bytes);
}

// Handles to the state before item.step.
std::vector<Handle> StepsSegment::enter(const Item& item, bool& from_stored) {
  from_stored = item.stored.buffer.memory != nullptr;
  if (!from_stored) return item.state;
  std::vector<Handle> state;
  for (const Part& part : item.stored.parts) {
    const std::uint32_t node = tape_.record_slot(part.shape, item.stored.buffer.memory + part.offset, part.flags);
    state.emplace_back(&tape_, node, tape_.node(node).generation);
  }
  return state;
}

StepsSegment::Item StepsSegment::record(int64_t k, const Item& from) {
  Item item;
  item.start = tape_.segment_start();
  tape_.set_draws(seed_, from.draws);
  const std::uint32_t floor = tape_.set_floor(item.start.nodes);
  item.entered = enter(from, item.from_stored);
  item.state = item.entered;
  item.step = k + 1;
  tape_.labels().set_current(context_);
  body_->run(k, item.state, item.output);
  tape_.set_floor(floor);
  for (const Handle& h : item.state) (void)tape_.resolve(h, "unroll", where_);
  if (!item.output.empty()) (void)tape_.resolve(item.output, "unroll", where_);
  for (std::size_t p = item.state.size(); p-- > 0;)
    if (!item.output.empty() && item.state[p].tape() != nullptr && item.state[p].index() == item.output.index())
      item.alias = static_cast<int>(p);
  if (request_.output_is_state) item.alias = 0;
  item.draws = tape_.draws();
  item.end = tape_.node_count();
  item.arena_end = tape_.current_arena().position();
  note_peak();
  return item;
}

// A step of the first pass or of the walk.
StepsSegment::Item StepsSegment::compute(int64_t k, const Item& from) {
  Item item = record(k, from);
  ++tape_.segment_counts().forwards;
  if (k < computed_) return item;
  if (k == 0) {
    find_operands(item);
    make_plan(item);
  }
  collect(k, item);
  ++computed_;
  return item;
}

void StepsSegment::copy_state(const Item& item, Stored& into) {
  into.parts.resize(item.state.size());
  int64_t bytes = 0;
  for (std::size_t p = 0; p < item.state.size(); ++p) {
    const Node& node = tape_.node(tape_.resolve(item.state[p], "unroll", where_));
    into.parts[p] = {node.shape(), static_cast<std::uint16_t>(node.flags & (flag::needs_grad | flag::severed)), bytes};
    bytes += round_up(std::max<int64_t>(node.size() * tape_.bytes_each(), 16), cache_line);
  }
  into.bytes = std::max<int64_t>(bytes, cache_line);
  if (into.buffer.bytes < into.bytes) {
    release(into);
    into.buffer.memory = static_cast<std::byte*>(tape_.pool().take(into.bytes));
    into.buffer.bytes = into.bytes;
    moving_bytes_ += GradientPool::granted_bytes(into.bytes);
  }
  for (std::size_t p = 0; p < item.state.size(); ++p) {
    const Node& node = tape_.node(item.state[p].index());
    std::memcpy(into.buffer.memory + into.parts[p].offset, node.value,
                static_cast<std::size_t>(node.size() * tape_.bytes_each()));
  }
}

void StepsSegment::release(Stored& moving) noexcept {
  if (moving.buffer.memory == nullptr) return;
  tape_.pool().give_back(moving.buffer.memory, moving.buffer.bytes);
  moving_bytes_ -= GradientPool::granted_bytes(moving.buffer.bytes);
  moving.buffer = {};
}

// Two buffers take turns, because a part that a step hands on as it was lies in the one that the step began from.
void StepsSegment::forget(const Item& item) {
  Stored& into = moving_[moved_ ^ 1];
  copy_state(item, into);
  tape_.cut(item.start);
  reached_ = Item();
  reached_.step = item.step;
  reached_.alias = item.alias;
  reached_.draws = item.draws;
  reached_.stored = into;
  moved_ ^= 1;
}

void StepsSegment::keep(Item item) {
  item.kept = true;
  item.first = first_pass_;
  stack_.push_back(std::move(item));
}

void StepsSegment::advance(int64_t from, int64_t count) {
  for (int64_t k = from; k < from + count; ++k) forget(compute(k, k == from ? stack_.back() : reached_));
}

// Into a buffer that is not needed any more, if it is large enough, or on top of the arena.
void StepsSegment::push_reached(Buffer reused) {
  Item item = reached_;
  if (reused.bytes < item.stored.bytes) {
    Arena& arena = tape_.current_arena();
    reused.begin = arena.position();
    reused.memory = static_cast<std::byte*>(arena.allocate(item.stored.bytes));
    reused.bytes = item.stored.bytes;
    reused.end = arena.position();
  }
  std::memcpy(reused.memory, reached_.stored.buffer.memory, static_cast<std::size_t>(item.stored.bytes));
  item.stored.buffer = reused;
  stack_.push_back(std::move(item));
  note_peak();
}

void StepsSegment::perform(const Action& action) {
  switch (action.kind) {
    case Action::advance:
      return advance(action.step, action.count);
    case Action::store:
      return push_reached({});
    case Action::record:
      return keep(compute(action.step, stack_.back()));
    case Action::back:
      return back(action.step);
    case Action::drop:
      return drop();
  }
}

void StepsSegment::drop() {
  const Buffer& buffer = stack_.back().stored.buffer;
  tape_.deferred().detach(tape_, {buffer.memory, buffer.memory + buffer.bytes});
  if (tape_.current_arena().is_at(buffer.end)) tape_.current_arena().rewind(buffer.begin);
  stack_.pop_back();
}

void StepsSegment::begin(const std::vector<Handle>& state) {
  base_nodes_ = first_node_ = tape_.node_count();
  tape_.current_arena().align();  // what a step takes is not to depend on what was before it
  base_bytes_ = tape_.current_arena().used_bytes();
  first_pass_ = true;
  Item initial;
  initial.state = state;
  initial.draws = tape_.draws();
  stack_.push_back(std::move(initial));
}

void StepsSegment::run(const std::vector<Handle>& state) {
  begin(state);
  if (request_.steps == StepsRequest::unknown)
    run_unknown();
  else
    run_planned();
  end_first_pass();
}

// The plan is made from the first step, with which its schedule begins.
void StepsSegment::run_planned() {
  Item first = compute(0, stack_.back());
  if (schedule_ == nullptr) return forget(first);
  Action action;
  schedule_->next(action);
  if (action.kind == Action::record) {
    keep(std::move(first));
    reserve();
  } else {
    forget(first);
    reserve();
    for (int64_t k = 1; k < action.count; ++k) forget(compute(k, reached_));
  }
  while (computed_ < request_.steps && schedule_->next(action)) perform(action);
}

void StepsSegment::run_unknown() {
  int64_t steps = 0, replaced = 0;
  for (; body_->more(steps); ++steps) {
    if (steps == 0) {
      forget(compute(0, stack_.back()));
      online_->wants(0, &replaced);
      reserve();
      continue;
    }
    if (online_->wants(steps, &replaced)) {
      Buffer reused;
      const auto old = std::ranges::find(stack_, replaced, &Item::step);
      if (replaced != OnlineSchedule::none && old != stack_.end()) {
        reused = old->stored.buffer;
        stack_.erase(old);
      }
      push_reached(reused);
    }
    forget(compute(steps, reached_));
  }
  require(steps > 0, ErrorCode::empty_sequence, "unroll", "a sum of losses needs a step; the stream has none");
  request_.steps = steps;
  collect_reached();
  sort_buffers();
  adopt_plan(Schedule(*online_, steps, cost_.value_bytes, cost_.state_bytes, plan_bytes_));
}

// Buffers have changed hands. The walk gives them up from the last state to the first: they are to lie in that order.
void StepsSegment::sort_buffers() {
  std::vector<Buffer> places;
  for (std::size_t i = 1; i < stack_.size(); ++i) places.push_back(stack_[i].stored.buffer);
  std::ranges::sort(places, {}, [](const Buffer& b) { return std::pair(b.begin.chunk, b.begin.offset); });
  for (std::size_t i = 1; i < stack_.size(); ++i) {
    Buffer& mine = stack_[i].stored.buffer;
    const auto owner =
        std::ranges::find_if(stack_.begin() + static_cast<std::ptrdiff_t>(i), stack_.end(),
                             [&](const Item& item) { return item.stored.buffer.memory == places[i - 1].memory; });
    Buffer& other = owner->stored.buffer;
    if (&other == &mine || other.bytes != mine.bytes) continue;
    std::swap_ranges(mine.memory, mine.memory + mine.bytes, other.memory);
    std::swap(mine, other);
  }
}

void StepsSegment::end_first_pass() {
  first_pass_ = false;
  for (Stored& moving : moving_) release(moving);
  reached_ = Item();
  if (request_.group < 0) return;
  held_bytes_ = own_bytes();
  tape_.segment_counts().groups[static_cast<std::size_t>(request_.group)] += held_bytes_;
}

}  // namespace unspool::detail
