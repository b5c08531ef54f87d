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
  for (Buffer& moving : moving_) release(moving);
  if (carries_)
    for (std::size_t p = 0; p < carried_.size(); ++p)
      if (carried_[p] != nullptr) tape_.pool().give_back(carried_[p], carried_bytes_[p]);
  if (output_.pooled && output_.memory != nullptr) tape_.pool().give_back(output_.memory, output_.bytes);
  for (Result& r : finals_)
    if (r.pooled && r.memory != nullptr) tape_.pool().give_back(r.memory, r.bytes);
}

// Handles to the state before item.step.
std::vector<Handle> StepsSegment::enter(const Item& item) {
  std::vector<Handle> state;
  if (item.copy == nullptr) {
    const std::span<const Handle> handles = state_of(item);
    state.assign(handles.begin(), handles.end());
    return state;
  }
  for (const Part& part : layouts_[item.layout].parts) {
    const std::uint32_t node = tape_.record_slot(part.shape, item.copy + part.offset, part.flags);
    state.emplace_back(&tape_, node, tape_.node(node).generation);
  }
  return state;
}

StepsSegment::Computed StepsSegment::record(int64_t k, const Item& from) {
  Computed step;
  step.start = tape_.segment_start();
  tape_.set_draws(seed_, from.draws);
  const std::uint32_t floor = tape_.set_floor(step.start.nodes);
  step.from_copy = from.copy != nullptr;
  step.entered = enter(from);
  step.state = step.entered;
  step.step = k + 1;
  tape_.labels().set_current(context_);
  body_->run(k, step.state, step.output);
  tape_.set_floor(floor);
  for (const Handle& h : step.state) (void)tape_.resolve(h, "unroll", where_);
  if (!step.output.empty()) (void)tape_.resolve(step.output, "unroll", where_);
  for (std::size_t p = step.state.size(); p-- > 0;)
    if (!step.output.empty() && step.state[p].tape() != nullptr && step.state[p].index() == step.output.index())
      step.alias = static_cast<int>(p);
  if (request_.output_is_state) step.alias = 0;
  step.draws = tape_.draws();
  step.end = tape_.node_count();
  step.arena_end = tape_.current_arena().position();
  note_peak();
  return step;
}

// A step of the first pass or of the walk.
StepsSegment::Computed StepsSegment::compute(int64_t k, const Item& from) {
  Computed step = record(k, from);
  ++tape_.segment_counts().forwards;
  if (k < computed_) return step;
  if (k == 0) {
    find_operands(step);
    make_plan(step);
  }
  collect(k, step);
  ++computed_;
  return step;
}

std::uint32_t StepsSegment::layout_of(const std::vector<Handle>& state) {
  Layout layout;
  for (const Handle& h : state) {
    const Node& node = tape_.node(tape_.resolve(h, "unroll", where_));
    const auto flags = static_cast<std::uint16_t>(node.flags & (flag::needs_grad | flag::severed));
    layout.parts.push_back({node.shape(), flags, layout.bytes});
    layout.bytes += round_up(std::max<int64_t>(node.size() * tape_.bytes_each(), 16), cache_line);
  }
  layout.bytes = std::max<int64_t>(layout.bytes, cache_line);
  for (std::size_t i = layouts_.size(); i-- > 0;)
    if (layouts_[i].parts == layout.parts) return static_cast<std::uint32_t>(i);
  layouts_.push_back(std::move(layout));
  return static_cast<std::uint32_t>(layouts_.size() - 1);
}

void StepsSegment::release(Buffer& moving) noexcept {
  if (moving.memory == nullptr) return;
  tape_.pool().give_back(moving.memory, moving.bytes);
  moving_bytes_ -= GradientPool::granted_bytes(moving.bytes);
  moving = {};
}

// Two buffers take turns, because a part that a step hands on as it was lies in the one that the step began from.
void StepsSegment::forget(const Computed& step) {
  Buffer& into = moving_[moved_ ^= 1];
  reached_ = Item();
  reached_.layout = layout_of(step.state);
  const Layout& layout = layouts_[reached_.layout];
  if (into.bytes < layout.bytes) {
    release(into);
    into = {static_cast<std::byte*>(tape_.pool().take(layout.bytes)), layout.bytes};
    moving_bytes_ += GradientPool::granted_bytes(layout.bytes);
  }
  for (std::size_t p = 0; p < step.state.size(); ++p) {
    const Node& node = tape_.node(step.state[p].index());
    std::memcpy(into.memory + layout.parts[p].offset, node.value,
                static_cast<std::size_t>(node.size() * tape_.bytes_each()));
  }
  tape_.cut(step.start);
  reached_.step = step.step;
  reached_.alias = static_cast<std::int16_t>(step.alias);
  reached_.draws = step.draws;
  reached_.copy = into.memory;
}

void StepsSegment::keep(const Computed& step) {
  Item item;
  item.step = step.step;
  item.draws = step.draws;
  item.handles = static_cast<std::uint32_t>(handles_.size());
  item.state_parts = static_cast<std::uint16_t>(step.state.size());
  item.entered_parts = static_cast<std::uint16_t>(step.entered.size());
  handles_.insert(handles_.end(), step.state.begin(), step.state.end());
  handles_.insert(handles_.end(), step.entered.begin(), step.entered.end());
  item.alias = static_cast<std::int16_t>(step.alias);
  item.kept = true;
  item.first = first_pass_;
  item.from_copy = step.from_copy;
  item.output = step.output;
  item.start = step.start;
  item.arena_end = step.arena_end;
  item.end = step.end;
  stack_.push_back(item);
}

void StepsSegment::advance(int64_t from, int64_t count) {
  for (int64_t k = from; k < from + count; ++k) forget(compute(k, k == from ? stack_.back() : reached_));
}

// On top of the arena.
void StepsSegment::push_reached() {
  Item item = reached_;
  const int64_t bytes = layouts_[item.layout].bytes;
  Arena& arena = tape_.current_arena();
  item.start.arena = arena.position();
  item.copy = static_cast<std::byte*>(arena.allocate(bytes));
  item.arena_end = arena.position();
  std::memcpy(item.copy, reached_.copy, static_cast<std::size_t>(bytes));
  stack_.push_back(item);
  note_peak();
}

// Where the copy of another state is that is not needed any more, if it is as large.
void StepsSegment::push_reached(int64_t replaced) {
  const auto old = std::find_if(stack_.rbegin(), stack_.rend(), [&](const Item& i) { return i.step == replaced; });
  const int64_t bytes = layouts_[reached_.layout].bytes;
  if (replaced == OnlineSchedule::none || old == stack_.rend() || layouts_[old->layout].bytes != bytes)
    return push_reached();
  Item item = reached_;
  item.copy = old->copy;
  item.start.arena = old->start.arena;
  item.arena_end = old->arena_end;
  std::memcpy(item.copy, reached_.copy, static_cast<std::size_t>(bytes));
  stack_.erase(std::next(old).base());
  stack_.push_back(item);
}

void StepsSegment::perform(const Action& action) {
  switch (action.kind) {
    case Action::advance:
      return advance(action.step, action.count);
    case Action::store:
      return push_reached();
    case Action::record:
      return keep(compute(action.step, stack_.back()));
    case Action::back:
      return back(action.step);
    case Action::drop:
      return drop();
  }
}

void StepsSegment::drop() {
  const Item& item = stack_.back();
  tape_.deferred().detach(tape_, {item.copy, item.copy + layouts_[item.layout].bytes});
  if (tape_.current_arena().is_at(item.arena_end)) tape_.current_arena().rewind(item.start.arena);
  stack_.pop_back();
}

void StepsSegment::begin(const std::vector<Handle>& state) {
  base_nodes_ = first_node_ = tape_.node_count();
  tape_.current_arena().align();  // what a step takes is not to depend on what was before it
  base_bytes_ = tape_.current_arena().used_bytes();
  first_pass_ = true;
  handles_ = state;
  Item initial;
  initial.state_parts = static_cast<std::uint16_t>(state.size());
  initial.draws = tape_.draws();
  stack_.push_back(initial);
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
  const Computed first = compute(0, stack_.back());
  if (schedule_ == nullptr) return forget(first);
  Action action;
  schedule_->next(action);
  if (action.kind == Action::record) {
    keep(first);
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
    if (online_->wants(steps, &replaced)) push_reached(replaced);
    forget(compute(steps, reached_));
  }
  require(steps > 0, ErrorCode::empty_sequence, "unroll", "a sum of losses needs a step; the stream has none");
  request_.steps = steps;
  collect_reached();
  sort_copies();
  adopt_plan(Schedule(*online_, steps, cost_.value_bytes, cost_.state_bytes, plan_bytes_));
}

// Copies have changed hands. The walk gives them up from the last state to the first: they are to lie in that order.
void StepsSegment::sort_copies() {
  struct Place {
    std::byte* copy;
    Arena::Position begin, end;
  };
  std::vector<Place> places;
  for (std::size_t i = 1; i < stack_.size(); ++i)
    places.push_back({stack_[i].copy, stack_[i].start.arena, stack_[i].arena_end});
  std::ranges::sort(places, {}, [](const Place& p) { return std::pair(p.begin.chunk, p.begin.offset); });
  for (std::size_t i = 1; i < stack_.size(); ++i) {
    Item& mine = stack_[i];
    const auto at = stack_.begin() + static_cast<std::ptrdiff_t>(i);
    Item& other = *std::find_if(at, stack_.end(), [&](const Item& item) { return item.copy == places[i - 1].copy; });
    const int64_t bytes = layouts_[mine.layout].bytes;
    if (&other == &mine || layouts_[other.layout].bytes != bytes) continue;
    std::swap_ranges(mine.copy, mine.copy + bytes, other.copy);
    std::swap(mine.copy, other.copy);
    std::swap(mine.start.arena, other.start.arena);
    std::swap(mine.arena_end, other.arena_end);
  }
}

void StepsSegment::end_first_pass() {
  first_pass_ = false;
  for (Buffer& moving : moving_) release(moving);
  reached_ = Item();
  if (request_.group < 0) return;
  held_bytes_ = own_bytes();
  tape_.segment_counts().groups[static_cast<std::size_t>(request_.group)] += held_bytes_;
}

}  // namespace unspool::detail
