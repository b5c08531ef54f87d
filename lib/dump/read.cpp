// read_graph(): loading what the checks let pass.
#include <algorithm>
#include <limits>
#include <tuple>

#include "dump/graph_file.hpp"
#include "files/input_file.hpp"

namespace unspool {
namespace detail {
namespace {

class Loader {
 public:
  explicit Loader(const GraphFile& file) : file_(file), graph_(folded_.tables) {}

  FoldedGraph run() {
    head();
    tables();
    JsonCursor at = *file_.parameters;
    for_each_item(at, [&] { parameter(at); });
    at = *file_.segments;
    for_each_item(at, [&] { segment(at); });
    folded_.gradient_norm.assign(static_cast<std::size_t>(file_.node_count), -1);
    if (file_.columns) columns();
    if (file_.memory) memory();
    return std::move(folded_);
  }

 private:
  void head() {
    graph_.scalar = JsonCursor(*file_.scalar).raw_string() == "float32" ? ScalarType::float32 : ScalarType::float64;
    folded_.nodes = static_cast<std::uint64_t>(file_.node_count);
    JsonCursor loss = file_.loss ? *file_.loss : *file_.nodes;
    graph_.loss = !file_.loss || loss.accept_word("null") ? -1 : loss.integer();
  }

  void tables() {
    JsonCursor at = *file_.texts;
    for_each_item(at, [&] { graph_.texts.push_back(at.string()); });
    at = *file_.ops;
    for_each_item(at, [&] {
      at.expect('[');
      GraphOp& op = graph_.ops.emplace_back();
      op.name = at.string();
      at.expect(',');
      op.attrs = at.string();
      at.expect(']');
    });
    at = *file_.shapes;
    for_each_item(at, [&] {
      folded_.shapes.emplace_back();
      for_each_item(at, [&] { folded_.shapes.back().push_back(at.integer()); });
    });
  }

  void parameter(JsonCursor& at) {
    GraphParameter& p = graph_.parameters.emplace_back();
    for_each_field(at, [&](std::string_view name, JsonCursor& value) {
      if (name == "node")
        p.node = static_cast<std::uint32_t>(value.integer());
      else if (name == "name")
        p.name = value.string();
      else if (name == "trainable")
        p.trainable = value.boolean();
      else if (name == "gradient_norm")
        p.gradient_norm = value.accept_word("null") ? -1 : value.real();
      else if (name == "series")
        series(value, p.series);
      else
        value.skip();
    });
  }

  static void series(JsonCursor& at, GraphSeries& s) {
    JsonCursor again = at;
    for_each_field(at, [&](std::string_view name, JsonCursor& value) {
      if (name != "steps") return value.skip();
      for_each_item(value, [&] {
        value.expect('[');
        const std::int64_t first = value.integer();
        value.expect(',');
        const std::int64_t count = value.integer();
        value.expect(',');
        const std::int64_t stride = value.integer();
        value.expect(']');
        for (std::int64_t k = 0; k < count; ++k) s.steps.push_back(first + k * stride);
      });
    });
    for_each_field(again, [&](std::string_view name, JsonCursor& value) {
      std::vector<double>* into = name == "norm"           ? &s.norm
                                  : name == "dot"          ? &s.dot
                                  : name == "running_norm" ? &s.running_norm
                                                           : nullptr;
      if (into == nullptr) return value.skip();
      *into = decoded(read_column(value), s.steps.size());
    });
  }

  static std::vector<double> decoded(const ColumnText& c, std::size_t count) {
    return decode_column(c.code, c.low, c.high, c.data, count);
  }

  void segment(JsonCursor& at) {
    SegmentText text = read_segment(at);
    Segment s;
    s.first = first_;
    s.count = static_cast<std::uint64_t>(text.count);
    for_each_item(*text.rows, [&] { row(*text.rows, s); });
    for (TupleList list(text.strides, 3); !list.done(); list.next())
      if (const std::uint32_t e = file_.entry(list.entry()); e != GraphFile::no_entry)
        s.strides.push_back({list.row(), e, (*list)[2].value});
    for (TupleList list(text.exceptions, 6); !list.done(); list.next())
      if (const std::uint32_t e = file_.entry(list.entry()); e != GraphFile::no_entry)
        s.exceptions.push_back({list.row(), e, static_cast<std::uint64_t>((*list)[2].value),
                                static_cast<std::uint64_t>((*list)[3].value), (*list)[4].value, (*list)[5].value});
    // The file's slots may have another order than ours.
    std::sort(s.strides.begin(), s.strides.end(),
              [](const auto& a, const auto& b) { return std::tie(a.row, a.entry) < std::tie(b.row, b.entry); });
    std::sort(s.exceptions.begin(), s.exceptions.end(), [](const auto& a, const auto& b) {
      return std::tie(a.row, a.entry, a.first) < std::tie(b.row, b.entry, b.first);
    });
    first_ += s.count * s.rows();
    folded_.segments.push_back(std::move(s));
  }

  void row(JsonCursor& at, Segment& s) {
    const std::size_t start = s.entries.size();
    s.entries.resize(start + entry_count, 0);
    for (const Entry e : {Entry::parameter, Entry::gradient_born, Entry::gradient_freed, Entry::held_freed})
      s.entries[start + detail::at(e)] = -1;
    std::uint32_t position = 0;
    for_each_item(at, [&] {
      const std::int64_t value = read_word(at).value;
      const std::uint32_t e = file_.entry(position++);
      if (e >= entry_count && e != GraphFile::no_entry)
        s.entries.push_back(value);
      else if (e != GraphFile::no_entry)
        s.entries[start + e] = value;
    });
    s.row_start.push_back(s.entries.size());
  }

  void columns() {
    JsonCursor at = *file_.columns;
    const std::size_t count = static_cast<std::size_t>(file_.node_count);
    const auto into = [&](double GraphValues::*field, const ColumnText& c) {
      constexpr double none = std::numeric_limits<double>::quiet_NaN();
      if (graph_.values.empty()) graph_.values.assign(count, {none, none, none, 0});
      const std::vector<double> numbers = decoded(c, count);
      for (std::size_t i = 0; i < count; ++i) graph_.values[i].*field = numbers[i];
    };
    for_each_field(at, [&](std::string_view name, JsonCursor& value) {
      const ColumnText column = read_column(value);
      if (name == "gradient_norm")
        folded_.gradient_norm = decoded(column, count);
      else if (name == "value_min")
        into(&GraphValues::min, column);
      else if (name == "value_max")
        into(&GraphValues::max, column);
      else if (name == "value_mean")
        into(&GraphValues::mean, column);
      else if (name == "nonfinite")
        nonfinite(decoded(column, count));
    });
  }
  void nonfinite(const std::vector<double>& counts) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    if (graph_.values.empty()) graph_.values.assign(counts.size(), {none, none, none, 0});
    for (std::size_t i = 0; i < counts.size(); ++i)
      graph_.values[i].nonfinite =
          counts[i] >= 1 ? static_cast<std::int64_t>(std::min(counts[i] + 0.5, 9007199254740992.0)) : 0;
  }

  void memory() {
    folded_.has_memory = true;
    JsonCursor at = *file_.memory;
    for_each_field(at, [&](std::string_view name, JsonCursor& value) {
      if (name == "arena_bytes")
        graph_.arena_bytes = value.integer();
      else if (name == "gradient_bytes_peak")
        graph_.gradient_bytes_peak = value.integer();
      else if (name == "events")
        graph_.walk_known = value.boolean();
      else
        value.skip();
    });
  }

  const GraphFile& file_;
  FoldedGraph folded_;
  Graph& graph_;
  std::uint64_t first_ = 0;
};

}  // namespace

FoldedGraph load_graph_file(const GraphFile& file) { return Loader(file).run(); }

}  // namespace detail

Graph parse_graph(std::string_view text, const std::string& name, std::int64_t max_nodes) {
  detail::require(max_nodes >= 0 && max_nodes < 0xFFFFFFFE, ErrorCode::bad_argument, "read_graph",
                  "max_nodes must be from 0 to 2^32 - 3; given {}", max_nodes);
  const detail::JsonText source{"read_graph", name, text};
  return detail::unfold(detail::load_graph_file(detail::check_graph_file(source, max_nodes)));
}

Graph read_graph(const std::string& path, std::int64_t max_nodes) {
  std::string text;
  {
    const detail::FileReading reading{"read_graph", path};
    detail::InputFile file(reading);
    text.resize(file.size());
    file.read(std::as_writable_bytes(std::span(text)));
  }
  return parse_graph(text, path, max_nodes);
}

}  // namespace unspool
