// The checks of a graph file's segments. Rows, strides and exceptions are three lists in one order: they are walked side
// by side, and every entry is checked at the ends of each stretch over which it grows evenly.
#include <algorithm>

#include "dump/graph_file.hpp"

namespace unspool::detail {
namespace {

class SegmentChecker {
 public:
  explicit SegmentChecker(const GraphFile& file) : file_(file) {
    // Whatever is added up over all nodes stays below 2^62.
    bytes_limit_ = std::min(largest_number, (std::int64_t{1} << 62) / std::max<std::int64_t>(file.node_count, 1));
  }

  void run() {
    JsonCursor at = *file_.segments;
    for_each_item(at, [&] { segment(at); });
    if (first_ != file_.node_count)
      at.fail(fmt::format("the segments must add up to the {} nodes; they have {}", file_.node_count, first_));
  }

 private:
  void segment(JsonCursor& at) {
    const SegmentText s = read_segment(at);
    count_ = s.count;
    JsonCursor rows = *s.rows;
    rows_ = for_each_item(rows, [&] { rows.skip(); });
    if (rows_ == 0) rows.fail("a segment must have a row");
    if (rows_ > file_.node_count || count_ > (file_.node_count - first_) / rows_)
      at.fail(fmt::format("the segments must add up to the {} nodes; they have more", file_.node_count));
    TupleList strides(s.strides, 3), exceptions(s.exceptions, 6);
    rows = *s.rows;
    std::uint32_t r = 0;
    for_each_item(rows, [&] { row(rows, r++, strides, exceptions); });
    if (!strides.done()) strides.fail("strides must name entries of the rows, in their order, each once");
    if (!exceptions.done()) exceptions.fail("exceptions must name entries of the rows, in their order");
    first_ += rows_ * count_;
  }

  void row(JsonCursor& at, std::uint32_t r, TupleList& strides, TupleList& exceptions) {
    std::uint32_t position = 0;
    std::int64_t inputs = 0;
    for_each_item(at, [&] {
      Stretch base;
      const Word word = read_word(at);
      base.value = word.value;
      base.hexadecimal = word.hexadecimal;
      if (strides.names(r, position)) {
        base.stride = (*strides)[2].value;
        strides.next();
      }
      if (file_.entry(position) == detail::at(Entry::inputs)) inputs = base.value;
      const std::uint32_t operands = file_.slot_count + static_cast<std::uint32_t>(std::max<std::int64_t>(inputs, 0));
      entry(at, r, position, base, position < operands, exceptions);
      if (position == 0xFFFFFFFE) at.fail("a row is too long");
      ++position;
    });
    if (position < file_.slot_count || inputs > position - file_.slot_count)
      at.fail("a row must have an entry for every slot and for every operand");
  }

  /// From repetition `first` to `last` the entry is value + (k - from) * stride.
  struct Stretch {
    std::int64_t first = 0, last = 0;
    std::int64_t from = 0;
    std::int64_t value = 0, stride = 0;
    bool hexadecimal = false;
    /// Beyond every bound where 64 bits do not hold it.
    std::int64_t at(std::int64_t k) const {
      std::int64_t moved = 0, sum = 0;
      const bool lost = __builtin_mul_overflow(k - from, stride, &moved) || __builtin_add_overflow(value, moved, &sum);
      return lost ? INT64_MAX : sum;
    }
  };

  void entry(JsonCursor& at, std::uint32_t r, std::uint32_t position, Stretch base, bool operand,
             TupleList& exceptions) {
    std::int64_t next = 0;  // repetitions before it are dealt with
    bool varies = base.stride != 0;
    for (; exceptions.names(r, position); exceptions.next()) {
      const auto& x = *exceptions;
      Stretch s{x[2].value, 0, x[2].value, x[4].value, x[5].value, x[4].hexadecimal};
      if (s.first < next || x[3].value < 1 || x[3].value > count_ || s.first > count_ - x[3].value)
        at.fail("exceptions must lie in their segment, ascending, and not overlap");
      s.last = s.first + x[3].value - 1;
      check(at, r, position, s, operand);
      base.first = next;
      base.last = s.first - 1;
      check(at, r, position, base, operand);
      next = s.last + 1;
      varies = true;
    }
    base.first = next;
    base.last = count_ - 1;
    check(at, r, position, base, operand);
    const std::uint32_t e = file_.entry(position);
    if (varies && (e == detail::at(Entry::op) || e == detail::at(Entry::shape) || e == detail::at(Entry::inputs)))
      at.fail("op, shape and inputs must be the same in every repetition");
  }

  void check(JsonCursor& at, std::uint32_t r, std::uint32_t position, const Stretch& s, bool operand) const {
    if (s.first > s.last) return;
    if (s.hexadecimal && (position < file_.slot_count || operand)) at.fail("only attributes may be words beyond 2^53");
    if (s.hexadecimal && s.stride != 0) at.fail("a word beyond 2^53 must not have a stride");
    if (s.hexadecimal) return;
    for (const std::int64_t k : {s.first, s.last}) {
      const std::int64_t given = s.at(k);
      if (!is_number(given)) at.fail("an entry must stay within 2^53");
      if (position >= file_.slot_count) {
        // Operands stand before their reader. Both grow evenly, so the ends speak for what lies between.
        if (operand && (given < 0 || given >= first_ + k * rows_ + r))
          at.fail(fmt::format("operands must be recorded before their reader %{}; given %{}", first_ + k * rows_ + r,
                              given));
      } else if (const std::uint32_t e = file_.entry(position); e != GraphFile::no_entry) {
        in_range(at, e, given);
      }
    }
  }

  void in_range(JsonCursor& at, std::uint32_t e, std::int64_t given) const {
    std::int64_t low = 0, high = largest_number;
    switch (static_cast<Entry>(e)) {
      case Entry::op:
        high = file_.op_count - 1;
        break;
      case Entry::shape:
        high = file_.shape_count - 1;
        break;
      case Entry::scope:
      case Entry::file:
        high = file_.text_count - 1;
        break;
      case Entry::step:
        low = -1;
        break;
      case Entry::line:
        high = 0xFFFFFFFF;
        break;
      case Entry::flags:
        high = 15;
        break;
      case Entry::parameter:
        low = -1;
        high = file_.parameter_count - 1;
        break;
      case Entry::gradient_born:
      case Entry::gradient_freed:
      case Entry::held_freed:
        low = -1;
        high = file_.node_count - 1;
        break;
      case Entry::inputs:
        high = 0xFFFFFFFF - std::int64_t{file_.slot_count};
        break;
      default:
        high = bytes_limit_;
    }
    if (given < low || given > high)
      at.fail(fmt::format("the entry \"{}\" must be from {} to {}; given {}", entry_names[e], low, high, given));
  }

  const GraphFile& file_;
  std::int64_t bytes_limit_ = 0;
  std::int64_t first_ = 0;  // id of the segment's first node
  std::int64_t count_ = 1;
  std::int64_t rows_ = 0;
};

}  // namespace

void check_segments(const GraphFile& file) { SegmentChecker(file).run(); }

}  // namespace unspool::detail
