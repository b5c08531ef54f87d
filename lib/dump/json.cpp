// The graph file, version 2: docs/graph-format.md. A row a line, so that two files can be compared.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.hpp"
#include "dump/attr_text.hpp"
#include "dump/column.hpp"
#include "dump/escape.hpp"
#include "dump/folding.hpp"
#include "dump/printer.hpp"

namespace unspool {
namespace {

using namespace detail;

constexpr std::size_t exact_numbers = 65'536;  // columns of more are rounded, and few
constexpr std::size_t exact_shares = 32'768;   // entries of all series together; more are rounded ...
constexpr std::size_t most_shares = 131'072;   // ... and so many are written

class JsonWriter : Printer {
 public:
  JsonWriter(const FoldedGraph& folded, const GraphStyle& style)
      : folded_(folded), graph_(folded.tables), style_(style) {
    for (const GraphParameter& p : graph_.parameters) shares_ += p.series.steps.size();
  }

  std::string run() {
    put("{{\n\"format\": \"unspool-graph\",\n\"version\": 2,\n\"scalar\": \"{}\",\n\"nodes\": {},\n\"loss\": {},\n",
        scalar_name(graph_.scalar), folded_.nodes, graph_.loss < 0 ? "null" : fmt::format("{}", graph_.loss));
    list("texts", graph_.texts, [&](const std::string& t) { put("{}", quoted(t)); });
    list("ops", graph_.ops, [&](const GraphOp& op) { put("[{},{}]", quoted(op.name), quoted(op.attrs)); });
    list("shapes", folded_.shapes, [&](const auto& shape) { put("{}", bracketed(shape)); });
    list("parameters", graph_.parameters, [&](const GraphParameter& p) { parameter(p); });
    put("\"slots\": [");
    for (std::size_t k = 0; k < entry_names.size(); ++k) put("{}\"{}\"", k == 0 ? "" : ",", entry_names[k]);
    put("],\n");
    list("segments", folded_.segments, [&](const Segment& s) { segment(s); });
    columns();
    if (folded_.has_memory)
      put("\"memory\": {{\"arena_bytes\":{},\"gradient_bytes_peak\":{},\"events\":{}}},\n", graph_.arena_bytes,
          graph_.gradient_bytes_peak, graph_.walk_known);
    page();
    put("}}\n");
    return text();
  }

 private:
  void put_integer(std::int64_t value) {
    const fmt::format_int text(value);
    put_raw({text.data(), text.size()});
  }

  static std::string quoted(std::string_view text) { return '"' + escape_json(text) + '"'; }
  // JSON has no NaN and no infinity: they are written as strings.
  static std::string number(double value) {
    return std::isfinite(value) ? real_text(value) : '"' + real_text(value) + '"';
  }
  static std::string norm(double value) { return value < 0 ? "null" : number(value); }

  template <class List, class Write>
  void list(const char* name, const List& items, Write write) {
    put("\"{}\": [", name);
    const char* comma = "\n";
    for (const auto& item : items) {
      put("{}", comma);
      write(item);
      comma = ",\n";
    }
    put("\n],\n");
  }

  void parameter(const GraphParameter& p) {
    put("{{\"node\":{},\"name\":{},\"trainable\":{},\"gradient_norm\":{}", p.node, quoted(p.name), p.trainable,
        norm(p.gradient_norm));
    if (!p.series.steps.empty()) series(p.series);
    put("}}");
  }

  void series(const GraphSeries& s) {
    const std::size_t every = (shares_ + most_shares - 1) / most_shares;
    const bool exact = shares_ <= exact_shares;
    put(",\"series\":{{\"steps\":[");
    step_pieces(sampled(s.steps, every));
    put("],\"norm\":");
    column(sampled(s.norm, every), exact ? ColumnCode::f64 : ColumnCode::log16);
    put(",\"dot\":");
    column(sampled(s.dot, every), exact ? ColumnCode::f64 : ColumnCode::f32);
    put(",\"running_norm\":");
    column(sampled(s.running_norm, every), exact ? ColumnCode::f64 : ColumnCode::log16);
    put("}}");
  }
  template <class T>
  static std::vector<T> sampled(const std::vector<T>& all, std::size_t every) {
    if (every == 1) return all;
    std::vector<T> some;
    for (std::size_t i = 0; i < all.size(); i += every) some.push_back(all[i]);
    return some;
  }

  void step_pieces(const std::vector<std::int64_t>& steps) {
    for (std::size_t i = 0; i < steps.size();) {
      const std::int64_t stride = i + 1 < steps.size() ? steps[i + 1] - steps[i] : 1;
      std::size_t end = i + 1;
      while (end < steps.size() && steps[end] - steps[end - 1] == stride) ++end;
      put("{}[{},{},{}]", i == 0 ? "" : ",", steps[i], end - i, stride);
      i = end;
    }
  }

  void segment(const Segment& s) {
    put("{{\"count\":{},\"rows\":[", s.count);
    for (std::uint32_t r = 0; r < s.rows(); ++r) {
      put("{}[", r == 0 ? "\n" : ",\n");
      bool first = true;
      for (const std::int64_t word : s.row(r)) {
        if (!std::exchange(first, false)) put_raw(",");
        entry(word);
      }
      put_raw("]");
    }
    put("]");
    if (!s.strides.empty()) {
      const char* comma = ",\"strides\":[";
      for (const Segment::Stride& x : s.strides) {
        put("{}[{},{},{}]", comma, x.row, x.entry, x.stride);
        comma = ",";
      }
      put("]");
    }
    if (!s.exceptions.empty()) {
      const char* comma = ",\"exceptions\":[";
      for (const Segment::Exception& x : s.exceptions) {
        put("{}[{},{},{},{},", comma, x.row, x.entry, x.first, x.count);
        entry(x.value);
        put(",{}]", x.stride);
        comma = ",";
      }
      put("]");
    }
    put("}}");
  }
  void entry(std::int64_t word) {
    if (is_number(word))
      put_integer(word);
    else
      put("\"{:016x}\"", static_cast<std::uint64_t>(word));
  }

  void columns() {
    const bool exact = folded_.nodes <= exact_numbers;
    put("\"columns\": {{\n\"gradient_norm\":");
    column(folded_.gradient_norm, exact ? ColumnCode::f64 : ColumnCode::log16);
    if (!graph_.values.empty() && exact) {
      statistic("value_min", ColumnCode::f64, [](const GraphValues& v) { return v.min; });
      statistic("value_max", ColumnCode::f64, [](const GraphValues& v) { return v.max; });
      statistic("value_mean", ColumnCode::f64, [](const GraphValues& v) { return v.mean; });
    }
    const bool all_finite =
        std::all_of(graph_.values.begin(), graph_.values.end(), [](const GraphValues& v) { return v.nonfinite == 0; });
    if (!graph_.values.empty() && (exact || !all_finite))
      statistic("nonfinite", exact ? ColumnCode::f64 : ColumnCode::log16,
                [](const GraphValues& v) { return static_cast<double>(v.nonfinite); });
    put("\n}},\n");
  }
  template <class Get>
  void statistic(const char* name, ColumnCode code, Get get) {
    std::vector<double> numbers;
    numbers.reserve(graph_.values.size());
    for (const GraphValues& v : graph_.values) numbers.push_back(get(v));
    put(",\n\"{}\":", name);
    column(numbers, code);
  }
  void column(std::span<const double> numbers, ColumnCode code) {
    const Column c = encode_column(numbers, code);
    put("{{\"encoding\":\"{}\",", code_name(code));
    if (code == ColumnCode::log16) put("\"low\":{},\"high\":{},", number(c.low), number(c.high));
    put("\"data\":\"");
    put_raw(c.data);
    put("\"}}");
  }

  void page() {
    static constexpr const char* views[] = {"unrolled", "folded", "modules", "memory", "gradient", "parameter"};
    static constexpr const char* themes[] = {"", "light", "dark", "print"};
    static constexpr const char* colors[] = {"op", "gradnorm", "bytes", "flops", "none"};
    static constexpr const char* params[] = {"badge", "badge", "node", "lane"};
    static constexpr const char* phases[] = {"forward", "backward", "both"};
    put("\"page\": {{\"title\":{},\"view\":\"{}\",\"color\":\"{}\",\"params\":\"{}\",\"phase\":\"{}\"",
        quoted(style_.title), views[static_cast<int>(style_.view)], colors[static_cast<int>(style_.color)],
        params[static_cast<int>(style_.parameters)], phases[static_cast<int>(style_.phase)]);
    if (style_.theme != GraphTheme::automatic) put(",\"theme\":\"{}\"", themes[static_cast<int>(style_.theme)]);
    if (!style_.steps.empty()) put(",\"steps\":{}", quoted(style_.steps));
    if (!style_.scope.empty()) put(",\"scope\":{}", quoted(style_.scope));
    if (style_.max_nodes > 0) put(",\"max_nodes\":{}", style_.max_nodes);
    put("}}\n");
  }

  const FoldedGraph& folded_;
  const Graph& graph_;
  const GraphStyle& style_;
  std::size_t shares_ = 0;
};

}  // namespace

std::string graph_json(const Graph& graph, const GraphStyle& style) {
  const FoldedGraph folded = fold(graph);
  return JsonWriter(folded, style).run();
}

}  // namespace unspool
