// Reading a graph file in two passes: everything is checked where it stands in the text, then it is loaded.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/json_cursor.hpp"
#include "dump/column.hpp"
#include "dump/folding.hpp"

namespace unspool::detail {

/// Where the parts stand, and how much there is of each.
struct GraphFile {
  static constexpr std::size_t most_slots = 64;
  static constexpr std::uint8_t unknown_slot = 255;
  static constexpr std::uint32_t no_entry = ~std::uint32_t{0};

  std::optional<JsonCursor> format, version, scalar, nodes, loss, texts, ops, shapes, parameters, slots, segments,
      columns, memory;
  std::int64_t node_count = 0;
  std::int64_t text_count = 0, op_count = 0, shape_count = 0, parameter_count = 0;
  std::array<std::uint8_t, most_slots> entry_of{};  ///< of each slot: an Entry, or unknown_slot
  std::uint32_t slot_count = 0;

  /// The Entry of a position in a row, or no_entry for one that is not known: operands and attributes follow `inputs` in the file as in memory.
  std::uint32_t entry(std::uint32_t position) const {
    if (position >= slot_count) return entry_count + (position - slot_count);
    return entry_of[position] == unknown_slot ? no_entry : entry_of[position];
  }
};

/// Throws file_format and unsupported; docs/graph-format.md, "What a reader checks". Allocates nothing but errors.
GraphFile check_graph_file(const JsonText& text, std::int64_t max_nodes);
/// Throws file_format. `file` is complete but for the counts that only this fills in.
void check_segments(const GraphFile& file);

/// Loads what check_graph_file() let pass.
FoldedGraph load_graph_file(const GraphFile& file);

/// Calls f(name, cursor at the value) for every field of an object; f passes over the value. Refuses two fields of one
/// name among those that f says it knows.
template <class F>
void for_each_field(JsonCursor& at, F f) {
  at.expect('{');
  if (!at.any('}')) return;
  do {
    const std::string_view name = at.raw_string();
    at.expect(':');
    f(name, at);
  } while (at.another('}'));
}

/// Calls f() at every item of a list; f passes over it.
template <class F>
std::int64_t for_each_item(JsonCursor& at, F f) {
  at.expect('[');
  std::int64_t count = 0;
  if (!at.any(']')) return 0;
  do {
    f();
    ++count;
  } while (at.another(']'));
  return count;
}

/// An entry of a row: a number, or sixteen hexadecimal digits for a word beyond 2^53.
struct Word {
  std::int64_t value = 0;
  bool hexadecimal = false;
};
Word read_word(JsonCursor& at);

/// The tuples of a strides or exceptions list, one after the other.
class TupleList {
 public:
  /// `list` stands at the list, or is empty where the field is missing.
  TupleList(std::optional<JsonCursor> list, std::size_t size);

  bool done() const { return done_; }
  const std::array<Word, 6>& operator*() const { return tuple_; }
  std::uint32_t row() const { return static_cast<std::uint32_t>(tuple_[0].value); }
  std::uint32_t entry() const { return static_cast<std::uint32_t>(tuple_[1].value); }
  bool names(std::uint32_t row, std::uint32_t entry) const {
    return !done_ && tuple_[0].value == row && tuple_[1].value == entry;
  }
  void next();
  [[noreturn]] void fail(std::string_view rule) const { list_->fail(rule); }

 private:
  void read();
  std::optional<JsonCursor> list_;
  std::size_t size_;
  std::array<Word, 6> tuple_{};
  bool done_ = true;
};

/// The parts of a segment.
struct SegmentText {
  std::int64_t count = 1;
  std::optional<JsonCursor> rows, strides, exceptions;
};
SegmentText read_segment(JsonCursor& at);

/// The parts of a column; `code` is checked, the data's length is not.
struct ColumnText {
  ColumnCode code = ColumnCode::f64;
  double low = 0, high = 0;
  std::string_view data;
};
ColumnText read_column(JsonCursor& at);

}  // namespace unspool::detail
