#include "tape/steps_segment.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/with_scalar.hpp"
#include "unspool/recording.hpp"

namespace unspool::detail {
namespace {

using std::int64_t;

constexpr int64_t node_bytes = sizeof(Node);

int64_t elements_of_row(const Shape& shape) { return shape[0] == 0 ? 0 : shape.size() / shape[0]; }

Shape with_rows(const Shape& shape, int64_t rows) {
  int64_t extents[Shape::max_rank];
  std::copy(shape.extents().begin(), shape.extents().end(), extents);
  extents[0] = rows;
  return Shape(std::span<const int64_t>(extents, static_cast<std::size_t>(shape.rank())));
}

template <class T>
void add_number(const void* from, void* to, bool first) {
  T& sum = *static_cast<T*>(to);
  sum = first ? *static_cast<const T*>(from) : sum + *static_cast<const T*>(from);
}

}  // namespace

StepsSegment::StepsSegment(TapeCore& tape, std::unique_ptr<StepBody> body, const StepsRequest& request, Where where)
    : tape_(tape),
      body_(std::move(body)),
      request_(request),
      where_(where),
      context_(tape.labels().current()),
      seed_(tape.options().seed),
      outermost_(!tape.in_segment()) {}

StepsSegment::~StepsSegment() {
  for (Item& item : stack_) release(item.stored);
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
  from_stored = item.stored.buffer != nullptr;
  if (!from_stored) return item.state;
  std::vector<Handle> state;
  for (const Part& part : item.stored.parts) {
    const std::uint32_t node = tape_.record_slot(part.shape, item.stored.buffer + part.offset, part.flags);
    state.emplace_back(&tape_, node, tape_.node(node).generation);
  }
  return state;
}

StepsSegment::Item StepsSegment::compute(int64_t k, const Item& from) {
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
  ++tape_.segment_counts().forwards;
  note_peak();
  if (k == computed_) {
    if (k == 0) {
      find_operands(item);
      make_plan(item);
    }
    collect(k, item);
    ++computed_;
  }
  return item;
}

void StepsSegment::store(const Item& item, Stored& into) {
  into.parts.resize(item.state.size());
  int64_t bytes = 0;
  for (std::size_t p = 0; p < item.state.size(); ++p) {
    const Node& node = tape_.node(tape_.resolve(item.state[p], "unroll", where_));
    into.parts[p] = {node.shape(), static_cast<std::uint16_t>(node.flags & (flag::needs_grad | flag::severed)), bytes};
    bytes += round_up(std::max<int64_t>(node.size() * tape_.bytes_each(), 16), cache_line);
  }
  bytes = std::max<int64_t>(bytes, cache_line);
  if (into.capacity < bytes) {
    release(into);
    into.buffer = static_cast<std::byte*>(tape_.pool().take(bytes));
    into.capacity = bytes;
    stored_bytes_ += GradientPool::granted_bytes(bytes);
  }
  into.bytes = bytes;
  for (std::size_t p = 0; p < item.state.size(); ++p) {
    const Node& node = tape_.node(item.state[p].index());
    std::memcpy(into.buffer + into.parts[p].offset, node.value,
                static_cast<std::size_t>(node.size() * tape_.bytes_each()));
  }
}

void StepsSegment::release(Stored& stored) noexcept {
  if (stored.buffer == nullptr) return;
  tape_.pool().give_back(stored.buffer, stored.capacity);
  stored_bytes_ -= GradientPool::granted_bytes(stored.capacity);
  stored.buffer = nullptr;
  stored.capacity = 0;
}

// Two buffers take turns, because a part that a step hands on as it was lies in the one that the step began from.
void StepsSegment::forget(const Item& item) {
  Stored& into = moving_[moved_ ^ 1];
  store(item, into);
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

void StepsSegment::perform(const Action& action) {
  switch (action.kind) {
    case Action::advance:
      return advance(action.step, action.count);
    case Action::store:
      stack_.push_back(reached_);
      moving_[moved_] = Stored();
      reached_.stored = Stored();
      return;
    case Action::record:
      return keep(compute(action.step, stack_.back()));
    case Action::back:
      return back(action.step);
    case Action::drop:
      return drop();
  }
}

void StepsSegment::drop() {
  Stored& stored = stack_.back().stored;
  tape_.deferred().detach(tape_, {stored.buffer, stored.buffer + stored.capacity});
  release(stored);
  stack_.pop_back();
}

// Rows of the state after step k that no later step takes on.
int64_t StepsSegment::leaving_from(int64_t k, int64_t state_rows) const {
  return k + 1 < request_.steps ? std::min(body_->range(k + 1).rows, state_rows) : 0;
}

StepsSegment::Result StepsSegment::make_result(const Shape& shape) {
  Result result;
  result.shape = shape;
  result.bytes = std::max<int64_t>(shape.size() * tape_.bytes_each(), 16);
  // Within another segment the current arena is about to be cut: results go there in the end.
  result.pooled = !outermost_;
  result.memory =
      static_cast<std::byte*>(outermost_ ? tape_.main_arena().allocate(result.bytes) : tape_.pool().take(result.bytes));
  return result;
}

void StepsSegment::collect(int64_t k, const Item& item) {
  alias_ = item.alias;
  if (request_.outputs != StepOutputs::none && !(request_.steps == 1 && alias_ != none && !request_.output_is_state))
    collect_output(k, item);
  collect_state(k, item);
}

void StepsSegment::collect_output(int64_t k, const Item& item) {
  require(!item.output.empty(), ErrorCode::bad_argument, "unroll", "every step must return an output; step {} has none",
          k);
  const Node& node = tape_.node(item.output.index());
  output_.wanted |= node.has(flag::needs_grad);
  if (request_.outputs == StepOutputs::sum) {
    require(node.size() == 1, ErrorCode::not_scalar, "unroll", "a step's loss must have one element; step {} has {}", k,
            node.shape());
    if (k == 0) {
      const bool wanted = output_.wanted;
      output_ = make_result(node.shape());
      output_.wanted = wanted;
    }
    return with_scalar(tape_.type(), [&]<class T>() { add_number<T>(node.value, output_.memory, k == 0); });
  }
  const StepRange range = body_->range(k);
  if (k == 0) {
    const bool wanted = output_.wanted;
    output_ = make_result(with_rows(node.shape(), request_.total_rows));
    output_.wanted = wanted;
  }
  const bool fits = node.shape() == with_rows(output_.shape, range.rows);
  require(fits, ErrorCode::shape_mismatch, "unroll", "every step's output must be {} but for its rows; step {} has {}",
          output_.shape, k, node.shape());
  const int64_t row_bytes = node.size() / std::max<int64_t>(range.rows, 1) * tape_.bytes_each();
  std::memcpy(output_.memory + range.first * row_bytes, node.value,
              static_cast<std::size_t>(node.size() * tape_.bytes_each()));
}

void StepsSegment::collect_state(int64_t k, const Item& item) {
  const StepRange range = body_->range(k);
  const bool last = k + 1 == request_.steps;
  if (range.rows < 0 && !last) return;
  if (finals_.empty()) {
    for (const Handle& h : item.state) {
      const Shape shape = tape_.node(h.index()).shape();
      const int64_t rows = std::max(range.state_rows, body_->range(request_.steps - 1).state_rows);
      finals_.push_back(make_result(range.rows < 0 ? shape : with_rows(shape, rows)));
    }
  }
  check_parts(static_cast<int64_t>(item.state.size()), static_cast<int64_t>(finals_.size()));
  for (std::size_t p = 0; p < finals_.size(); ++p) {
    const Node& node = tape_.node(item.state[p].index());
    const int64_t begin = range.rows < 0 ? 0 : leaving_from(k, range.state_rows);
    if (range.rows >= 0) {
      const bool fits = node.shape() == with_rows(finals_[p].shape, range.state_rows);
      require(fits, ErrorCode::shape_mismatch, "unroll", "a state must keep its shape but for its rows; {} became {}",
              finals_[p].shape, node.shape());
      if (begin == range.state_rows && !last) continue;
    }
    finals_[p].wanted |= node.has(flag::needs_grad);
    const int64_t each = range.rows < 0 ? 0 : elements_of_row(node.shape()) * tape_.bytes_each();
    const int64_t offset = begin * each, bytes = node.size() * tape_.bytes_each() - offset;
    if (bytes > 0)
      std::memcpy(finals_[p].memory + offset, static_cast<const std::byte*>(node.value) + offset,
                  static_cast<std::size_t>(bytes));
  }
}

void StepsSegment::find_operands(const Item& item) {
  const auto add = [&](std::uint32_t node) {
    const Node& n = tape_.node(node);
    if (n.has(flag::parameter)) {
      if (std::ranges::find(leaves_, n.leaf) == leaves_.end()) leaves_.push_back(n.leaf);
    } else if (node < item.start.nodes && std::ranges::find(operands_, node) == operands_.end()) {
      operands_.push_back(node);
    }
  };
  for (const Handle& h : item.entered) add(h.index());
  for (std::uint32_t i = item.start.nodes; i < item.end; ++i)
    for (std::uint32_t k = 0; k < tape_.node(i).arity; ++k)
      if (!tape_.node(i).has(flag::parameter)) add(tape_.node(i).inputs()[k]);
}

std::vector<std::uint32_t> StepsSegment::operands() const {
  std::vector<std::uint32_t> all = operands_;
  for (const std::uint32_t leaf : leaves_) all.push_back(tape_.leaf_node(leaf));
  return all;
}

bool StepsSegment::wanted() const {
  return output_.wanted || std::ranges::any_of(finals_, [](const Result& r) { return r.wanted; });
}

// All steps are taken to be as large as the first, or, where another has more rows, as much larger as that.
void StepsSegment::make_plan(const Item& first) {
  if (request_.memory < 0) return;
  const StepRange range = body_->range(0), last = body_->range(request_.steps - 1);
  const auto scaled = [&](int64_t bytes) {
    const double more =
        range.rows > 0 ? static_cast<double>(std::max(range.rows, last.rows)) / static_cast<double>(range.rows) : 1.0;
    return static_cast<int64_t>(static_cast<double>(bytes) * std::max(more, 1.0)) + cache_line;
  };
  const int64_t each = tape_.bytes_each();
  int64_t state = 0, gradients = 0, outputs = 0;
  for (const Handle& h : first.state)
    state += round_up(std::max<int64_t>(tape_.node(h.index()).size() * each, 16), cache_line);
  for (std::uint32_t i = first.start.nodes; i < first.end; ++i) {
    const Node& n = tape_.node(i);
    if (n.has(flag::needs_grad) && !n.has(flag::parameter) && !n.shares_gradient())
      gradients += GradientPool::granted_bytes(n.size() * each);
  }
  if (request_.outputs == StepOutputs::rows && range.rows > 0)
    outputs = 2 * request_.total_rows * (tape_.node(first.output.index()).size() / range.rows) * each;
  const int64_t values = scaled(tape_.current_arena().used_bytes() - base_bytes_);
  const auto parts = static_cast<int64_t>(first.state.size());
  // Nodes of steps that the first pass kept stay until the reset.
  const int64_t step_bytes = values + 2 * node_bytes * static_cast<int64_t>(first.end - first.start.nodes + parts);
  const int64_t state_bytes = GradientPool::granted_bytes(scaled(state));
  const int64_t fixed = outputs + scaled(gradients) + 4 * state_bytes + parts * 2 * node_bytes;
  const int64_t least = fixed + least_budget(request_.steps, step_bytes, state_bytes);
  require(request_.memory >= least, ErrorCode::bad_argument, "unroll",
          "the memory for {} steps must be at least {} bytes: {} for one step, {} for a state, {} for {}; given {}",
          request_.steps, least, step_bytes, state_bytes, fixed, outputs > 0 ? "outputs and gradients" : "gradients",
          request_.memory);
  schedule_ =
      std::make_unique<Schedule>(tape_.schedule_for(request_.steps, step_bytes, state_bytes, request_.memory - fixed));
  const Plan& plan = schedule_->plan();
  tape_.segment_counts().plan = plan;
  fixed_bytes_ = outputs;
  tape_.current_arena().reserve(plan.kept_steps * values + values);
}

void StepsSegment::note_peak(int64_t gradients) {
  const int64_t bytes = tape_.current_arena().used_bytes() - base_bytes_ + stored_bytes_ + fixed_bytes_ + gradients +
                        node_bytes * (static_cast<int64_t>(tape_.node_count()) - base_nodes_);
  tape_.segment_counts().peak_bytes = std::max(tape_.segment_counts().peak_bytes, bytes);
}

void StepsSegment::run(std::vector<Handle>& state) {
  base_nodes_ = first_node_ = tape_.node_count();
  base_bytes_ = tape_.current_arena().used_bytes();
  first_pass_ = true;
  Item initial;
  initial.state = state;
  initial.draws = tape_.draws();
  stack_.push_back(std::move(initial));
  // The plan is made from the first step, with which its schedule begins.
  Item first = compute(0, stack_.back());
  if (schedule_ == nullptr) {
    forget(first);
  } else {
    Action action;
    schedule_->next(action);
    if (action.kind == Action::record) {
      keep(std::move(first));
    } else {
      forget(first);
      for (int64_t k = 1; k < action.count; ++k) forget(compute(k, reached_));
    }
    while (computed_ < request_.steps && schedule_->next(action)) perform(action);
  }
  first_pass_ = false;
  for (Stored& moving : moving_) release(moving);
  reached_ = Item();
}

void StepsSegment::record_results(std::uint32_t node, std::vector<Handle>& state, Handle& output) {
  const auto finish = [&](Result& result) {
    if (result.pooled) {
      void* const memory = tape_.current_arena().allocate(result.bytes);
      std::memcpy(memory, result.memory, static_cast<std::size_t>(result.bytes));
      tape_.pool().give_back(result.memory, result.bytes);
      result.pooled = false;
      result.memory = static_cast<std::byte*>(memory);
    }
    result.node = tape_.record_segment_output(node, result.shape, result.memory, result.wanted, where_);
    return Handle(&tape_, result.node, tape_.node(result.node).generation);
  };
  state.clear();
  for (Result& result : finals_) state.push_back(finish(result));
  // The output of a single step is one with the part of the state that it is.
  if (request_.steps == 1 && !request_.output_is_state && alias_ != none)
    output = state[static_cast<std::size_t>(alias_)];
  else if (output_.memory != nullptr)
    output = finish(output_);
}

}  // namespace unspool::detail
