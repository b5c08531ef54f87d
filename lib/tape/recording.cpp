#include "unspool/recording.hpp"

#include <limits>

#include "base/check.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {

std::span<const std::int64_t> attributes_of(const Handle& x) {
  TapeCore& tape = tape_of(x, "attributes");
  const Node& node = tape.node(tape.resolve(x, "attributes", {}));
  return {node.attrs(), static_cast<std::size_t>(node.attr_count())};
}

TapeCore& tape_of(const Handle& x, const char* op) {
  require(x.tape() != nullptr, ErrorCode::stale_handle, op, "the input was never recorded (a default-constructed Var)");
  return *x.tape();
}

void check_rows(const Handle& x, std::int64_t rows, const char* what) {
  TapeCore& tape = tape_of(x, "unroll");
  const Node& node = tape.node(tape.resolve(x, "unroll", {}));
  if (node.rank > 0 && node.extents[0] == rows) [[likely]]
    return;
  throw Error(ErrorCode::shape_mismatch, "unroll",
              fmt::format("{} must be [{},...]; given {}", what, rows, node.shape().to_string()),
              tape.where_text(tape.labels().current(), {}, tape.node_count()));
}

void check_state(const Handle& x, std::int64_t rows, std::int64_t width) {
  (void)tape_of(x, "unroll");
  const Shape given = shape_of(x);
  require(given == Shape{rows, width}, ErrorCode::shape_mismatch, "unroll",
          "the initial state must be [{},{}]; given {}", rows, width, given);
}

void check_parts(std::int64_t parts, std::int64_t wanted) {
  require(parts == wanted, ErrorCode::shape_mismatch, "unroll",
          "every state must have as many Vars as the initial state, {}; one has {}", wanted, parts);
}

LabelGuard enter_packed(const Handle& layout, std::int64_t first, std::int64_t count) try {
  TapeCore& tape = tape_of(layout, "Sequence");
  const std::uint32_t node = tape.resolve(layout, "Sequence", {});
  const std::uint32_t previous = tape.labels().current();
  tape.labels().enter_layout({node, first, count});
  return {&tape, previous, tape.recording()};
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "Sequence", "memory for a label could not be had");
}

LabelGuard enter_packed_step(const Handle& layout, std::int64_t step, std::int64_t first, std::int64_t count) try {
  TapeCore& tape = tape_of(layout, "Sequence");
  const std::uint32_t node = tape.resolve(layout, "Sequence", {});
  const std::uint32_t previous = tape.labels().current();
  tape.labels().enter_step(step, {node, first, count});
  return {&tape, previous, tape.recording()};
} catch (const std::bad_alloc&) {
  fail_label(step);
}

void fail_label(std::int64_t step) {
  fail(ErrorCode::out_of_memory, "Sequence", "memory for the label t={} could not be had", step);
}

ScratchBytes::ScratchBytes(TapeCore& tape, std::int64_t count, std::int64_t bytes_each) try
    : tape_(&tape), bytes_(0), recording_(tape.recording()), data_(nullptr) {
  if (count > std::numeric_limits<std::int64_t>::max() / bytes_each) throw std::bad_alloc();
  bytes_ = count * bytes_each;
  data_ = tape.pool().take(bytes_);
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "scratch", "{} elements of {} bytes could not be had", count, bytes_each);
}

ScratchBytes::~ScratchBytes() {
  // A reset since has taken the whole pool back.
  if (tape_->recording() == recording_) tape_->pool().give_back(data_, bytes_);
}

}  // namespace unspool::detail
