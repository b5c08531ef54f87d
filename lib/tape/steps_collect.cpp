// What a segment's steps give and need: results are copied together as the steps go by, operands are found in the first.
#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "base/with_scalar.hpp"
#include "tape/steps_segment.hpp"
#include "unspool/recording.hpp"

namespace unspool::detail {
namespace {

using std::int64_t;

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

// Rows of the state after step k that no later step takes on.
int64_t StepsSegment::leaving_from(int64_t k, int64_t state_rows) const {
  return is_last(k) ? 0 : std::min(body_->range(k + 1).rows, state_rows);
}

StepsSegment::Result StepsSegment::make_result(const Shape& shape) {
  Result result;
  result.shape = shape;
  result.bytes = std::max<int64_t>(shape.size() * tape_.bytes_each(), 16);
  // Within another segment the current arena is about to be cut: results go there in the end.
  result.pooled = !outermost_;
  if (outermost_ && request_.memory >= 0) tape_.main_arena().reserve(result.bytes);
  result.memory =
      static_cast<std::byte*>(outermost_ ? tape_.main_arena().allocate(result.bytes) : tape_.pool().take(result.bytes));
  return result;
}

// The output of a single step is one with the part of the state that it is.
bool StepsSegment::output_is_a_state() const {
  return request_.steps == 1 && alias_ != none && !request_.output_is_state;
}

void StepsSegment::collect(int64_t k, const Computed& step) {
  alias_ = step.alias;
  if (request_.outputs != StepOutputs::none && !output_is_a_state()) collect_output(k, step);
  collect_state(k, step);
}

void StepsSegment::collect_output(int64_t k, const Computed& step) {
  require(!step.output.empty(), ErrorCode::bad_argument, "unroll", "every step must return an output; step {} has none",
          k);
  const Node& node = tape_.node(step.output.index());
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

void StepsSegment::collect_state(int64_t k, const Computed& step) {
  const StepRange range = body_->range(k);
  const bool last = is_last(k);
  if (range.rows < 0 && !last) return;
  if (finals_.empty()) {
    for (const Handle& h : step.state) {
      const Shape shape = tape_.node(h.index()).shape();
      const int64_t rows = std::max(range.state_rows, body_->range(request_.steps - 1).state_rows);
      finals_.push_back(make_result(range.rows < 0 ? shape : with_rows(shape, rows)));
    }
  }
  check_parts(static_cast<int64_t>(step.state.size()), static_cast<int64_t>(finals_.size()));
  for (std::size_t p = 0; p < finals_.size(); ++p) {
    const Node& node = tape_.node(step.state[p].index());
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

// The last state, where nobody knew before that it would be.
void StepsSegment::collect_reached() {
  for (const Part& part : layouts_[reached_.layout].parts) {
    Result& result = finals_.emplace_back(make_result(part.shape));
    result.wanted = (part.flags & flag::needs_grad) != 0;
    std::memcpy(result.memory, reached_.copy + part.offset,
                static_cast<std::size_t>(part.shape.size() * tape_.bytes_each()));
  }
}

void StepsSegment::find_operands(const Computed& step) {
  const auto add = [&](std::uint32_t node) {
    const Node& n = tape_.node(node);
    if (n.has(flag::parameter)) {
      if (std::ranges::find(leaves_, n.leaf) == leaves_.end()) leaves_.push_back(n.leaf);
    } else if (node < step.start.nodes && std::ranges::find(operands_, node) == operands_.end()) {
      operands_.push_back(node);
    }
  };
  for (const Handle& h : step.entered) add(h.index());
  for (std::uint32_t i = step.start.nodes; i < step.end; ++i)
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
  if (output_is_a_state())
    output = state[static_cast<std::size_t>(alias_)];
  else if (output_.memory != nullptr)
    output = finish(output_);
}

}  // namespace unspool::detail
