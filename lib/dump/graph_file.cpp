// The small parts of a graph file, read where they stand.
#include "dump/graph_file.hpp"

#include <charconv>
#include <cmath>

namespace unspool::detail {

Word read_word(JsonCursor& at) {
  if (!at.at('"')) return {at.integer("an entry", -largest_number, largest_number), false};
  const std::string_view digits = at.raw_string();
  std::uint64_t bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  if (digits.size() != 16 || error != std::errc() || end != digits.data() + digits.size())
    at.fail("an entry must be a number or a string of 16 hexadecimal digits");
  return {static_cast<std::int64_t>(bits), true};
}

TupleList::TupleList(std::optional<JsonCursor> list, std::size_t size) : list_(list), size_(size) {
  if (!list_) return;
  list_->expect('[');
  done_ = !list_->any(']');
  if (!done_) read();
}

void TupleList::next() {
  done_ = !list_->another(']');
  if (!done_) read();
}

void TupleList::read() {
  list_->expect('[');
  for (std::size_t k = 0; k < size_; ++k) {
    if (k > 0) list_->expect(',');
    tuple_[k] = read_word(*list_);
    // All but a value are plain numbers, and all but a value and a stride count something.
    const bool value = size_ == 6 && k == 4;
    const bool counts = k < 2 || (size_ == 6 && k < 4);
    if (tuple_[k].hexadecimal && !value) list_->fail("rows, entries, counts and strides must be numbers");
    if (counts && (tuple_[k].value < 0 || (k < 2 && tuple_[k].value > 0xFFFFFFFF)))
      list_->fail("rows, entries and counts must not be negative");
  }
  list_->expect(']');
}

SegmentText read_segment(JsonCursor& at) {
  SegmentText segment;
  bool has_count = false;
  for_each_field(at, [&](std::string_view name, JsonCursor& value) {
    std::optional<JsonCursor>* list = name == "rows"         ? &segment.rows
                                      : name == "strides"    ? &segment.strides
                                      : name == "exceptions" ? &segment.exceptions
                                                             : nullptr;
    if (list != nullptr) {
      if (*list) value.fail("a segment must not have a field twice");
      *list = value;
    } else if (name == "count") {
      if (has_count) value.fail("a segment must not have a field twice");
      has_count = true;
      segment.count = value.integer("the count of a segment", 1, 0xFFFFFFFF);
      return;
    }
    value.skip();
  });
  if (!has_count || !segment.rows) at.fail("a segment must have a count and rows");
  return segment;
}

ColumnText read_column(JsonCursor& at) {
  ColumnText column;
  bool has_code = false, has_data = false;
  for_each_field(at, [&](std::string_view name, JsonCursor& value) {
    if (name == "encoding") {
      const std::string_view given = value.raw_string();
      for (const ColumnCode code : {ColumnCode::f64, ColumnCode::f32, ColumnCode::log16})
        if (given == code_name(code)) column.code = code, has_code = true;
      if (!has_code) value.fail("a column's encoding must be f64, f32 or log16");
    } else if (name == "low" || name == "high") {
      (name == "low" ? column.low : column.high) = value.real();
    } else if (name == "data") {
      column.data = value.raw_string();
      has_data = true;
    } else {
      value.skip();
    }
  });
  if (!has_code || !has_data) at.fail("a column must have an encoding and data");
  if (!std::isfinite(column.low) || !std::isfinite(column.high) || column.low > column.high)
    at.fail("a column's low must not be above its high");
  return column;
}

}  // namespace unspool::detail
