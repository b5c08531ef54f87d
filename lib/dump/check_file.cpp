// The checks of a graph file but for its segments.
#include <algorithm>
#include <utility>

#include "dump/graph_file.hpp"

namespace unspool::detail {
namespace {

constexpr std::int64_t most_extents = 8;

struct Field {
  std::string_view name;
  std::optional<JsonCursor> GraphFile::*place;
  bool needed;
};

constexpr Field fields[] = {
    {"format", &GraphFile::format, true},
    {"version", &GraphFile::version, true},
    {"scalar", &GraphFile::scalar, true},
    {"nodes", &GraphFile::nodes, true},
    {"loss", &GraphFile::loss, false},
    {"texts", &GraphFile::texts, true},
    {"ops", &GraphFile::ops, true},
    {"shapes", &GraphFile::shapes, true},
    {"parameters", &GraphFile::parameters, true},
    {"slots", &GraphFile::slots, true},
    {"segments", &GraphFile::segments, true},
    {"columns", &GraphFile::columns, false},
    {"memory", &GraphFile::memory, false},
};

class FileChecker {
 public:
  FileChecker(const JsonText& text, std::int64_t max_nodes) : start_(text), max_nodes_(max_nodes) {}

  GraphFile run() {
    find_fields();
    check_head();
    check_tables();
    check_slots();
    check_parameters();
    check_segments(file_);
    check_columns();
    check_memory();
    return file_;
  }

 private:
  void find_fields() {
    JsonCursor at = start_;
    if (!at.at('{')) at.fail("a graph file must begin with '{'");
    for_each_field(at, [&](std::string_view name, JsonCursor& value) {
      for (const Field& field : fields) {
        if (name != field.name) continue;
        if (file_.*field.place) value.fail(fmt::format("the graph must not have \"{}\" twice", field.name));
        file_.*field.place = value;
      }
      value.skip();
    });
    at.end("the graph");
    // The first question about a file is what it is; what it lacks comes after.
    check_kind();
    for (const Field& field : fields)
      if (field.needed && !(file_.*field.place)) start_.fail(fmt::format("the graph must have \"{}\"", field.name));
  }

  void check_kind() {
    const char* const rule = "the format must be \"unspool-graph\"";
    if (!file_.format) start_.fail(rule);
    JsonCursor format = *file_.format;
    if (!format.at('"') || format.raw_string() != "unspool-graph") format.fail(rule);
    if (!file_.version) start_.fail("the graph must have \"version\"");
    JsonCursor version = *file_.version;
    if (const std::int64_t given = version.integer(); given != 2)
      version.fail(fmt::format("the version must be 2; given {}; capture the graph again", given),
                   ErrorCode::unsupported);
  }

  void check_head() {
    JsonCursor scalar = *file_.scalar;
    const std::string_view name = scalar.raw_string();
    if (name != "float32" && name != "float64") scalar.fail("the scalar must be \"float32\" or \"float64\"");
    file_.node_count = JsonCursor(*file_.nodes).integer("the number of nodes", 0, max_nodes_);
    if (file_.loss) {
      JsonCursor loss = *file_.loss;
      if (!loss.accept_word("null")) loss.integer("the loss", 0, file_.node_count - 1);
    }
  }

  void check_tables() {
    JsonCursor at = *file_.texts;
    bool first = true;
    file_.text_count = for_each_item(at, [&] {
      if (!at.raw_string().empty() && first) at.fail("the first text must be empty");
      first = false;
    });
    if (first) at.fail("there must be a first text, which is empty");
    at = *file_.ops;
    file_.op_count = for_each_item(at, [&] {
      at.expect('[');
      at.raw_string();
      at.expect(',');
      at.raw_string();
      at.expect(']');
    });
    at = *file_.shapes;
    file_.shape_count = for_each_item(at, [&] {
      std::int64_t elements = 1;
      const std::int64_t rank = for_each_item(at, [&] {
        const std::int64_t extent = at.integer("an extent", 0, largest_number);
        if (extent > 0 && elements > largest_number / extent) at.fail("a shape must have at most 2^53 elements");
        elements *= std::max<std::int64_t>(extent, 1);
      });
      if (rank > most_extents) at.fail("a shape must have at most 8 extents");
    });
  }

  void check_slots() {
    JsonCursor at = *file_.slots;
    bool complete = false;
    bool seen[entry_count] = {};
    for_each_item(at, [&] {
      const std::string_view name = at.raw_string();
      if (complete) at.fail("\"inputs\" must be the last slot");
      if (file_.slot_count == GraphFile::most_slots) at.fail("there must be at most 64 slots");
      std::uint8_t& entry = file_.entry_of[file_.slot_count++];
      entry = GraphFile::unknown_slot;
      for (std::uint32_t e = 0; e < entry_count; ++e)
        if (name == entry_names[e]) entry = static_cast<std::uint8_t>(e);
      if (entry == GraphFile::unknown_slot) return;
      if (std::exchange(seen[entry], true)) at.fail("a slot must not be named twice");
      complete = name == "inputs";
    });
    if (!complete || !seen[detail::at(Entry::op)] || !seen[detail::at(Entry::shape)])
      at.fail("the slots must name op and shape and end with inputs");
  }

  void check_parameters() {
    JsonCursor at = *file_.parameters;
    file_.parameter_count = for_each_item(at, [&] {
      bool has_node = false, has_name = false;
      for_each_field(at, [&](std::string_view name, JsonCursor& value) {
        if (name == "node") {
          value.integer("a parameter's node", 0, file_.node_count - 1);
          has_node = true;
        } else if (name == "name") {
          value.raw_string();
          has_name = true;
        } else if (name == "trainable") {
          value.boolean();
        } else if (name == "gradient_norm") {
          if (!value.accept_word("null")) value.real();
        } else if (name == "series") {
          check_series(value);
        } else {
          value.skip();
        }
      });
      if (!has_node || !has_name) at.fail("a parameter must have a node and a name");
    });
  }

  // Each step's numbers stand in the file, so steps cannot claim more than its size.
  void check_series(JsonCursor& at) {
    constexpr std::string_view names[] = {"norm", "dot", "running_norm"};
    ColumnText columns[3];
    bool seen[3] = {};
    std::int64_t steps = -1;
    for_each_field(at, [&](std::string_view name, JsonCursor& value) {
      for (std::size_t k = 0; k < 3; ++k)
        if (name == names[k]) return static_cast<void>((columns[k] = read_column(value), seen[k] = true));
      if (name != "steps") return value.skip();
      steps = check_steps(value);
    });
    for (std::size_t k = 0; k < 3; ++k) {
      const std::uint64_t bytes = static_cast<std::uint64_t>(code_bytes(columns[k].code)) *
                                  static_cast<std::uint64_t>(std::max<std::int64_t>(steps, 0));
      if (steps < 0 || !seen[k] || !is_base64(columns[k].data, bytes))
        at.fail("a series must have steps and, of as many numbers, norm, dot and running_norm in base64");
    }
  }

  static std::int64_t check_steps(JsonCursor& at) {
    std::int64_t steps = 0;
    std::int64_t last = -1;
    for_each_item(at, [&] {
      at.expect('[');
      const std::int64_t first = at.integer("a step", 0, largest_number);
      at.expect(',');
      const std::int64_t count = at.integer("a count of steps", 1, 0xFFFFFFFF);
      at.expect(',');
      const std::int64_t stride = at.integer("a stride of steps", 1, 0xFFFFFFFF);
      at.expect(']');
      if (first <= last || first > largest_number - (count - 1) * stride) at.fail("steps must be ascending");
      last = first + (count - 1) * stride;
      steps += count;
      if (steps > 0xFFFFFFFF) at.fail("a series must have less than 2^32 steps");
    });
    return steps;
  }

  void check_columns() {
    if (!file_.columns) return;
    JsonCursor at = *file_.columns;
    for_each_field(at, [&](std::string_view, JsonCursor& value) {
      const ColumnText column = read_column(value);
      const std::uint64_t bytes =
          static_cast<std::uint64_t>(code_bytes(column.code)) * static_cast<std::uint64_t>(file_.node_count);
      if (!is_base64(column.data, bytes))
        value.fail(fmt::format("a column's data must be the base64 of {} numbers, {} bytes", file_.node_count, bytes));
    });
  }

  void check_memory() {
    if (!file_.memory) return;
    JsonCursor at = *file_.memory;
    for_each_field(at, [&](std::string_view name, JsonCursor& value) {
      if (name == "arena_bytes" || name == "gradient_bytes_peak")
        value.integer("bytes", 0, largest_number);
      else if (name == "events")
        value.boolean();
      else
        value.skip();
    });
  }

  JsonCursor start_;
  std::int64_t max_nodes_;
  GraphFile file_;
};

}  // namespace

GraphFile check_graph_file(const JsonText& text, std::int64_t max_nodes) { return FileChecker(text, max_nodes).run(); }

}  // namespace unspool::detail
