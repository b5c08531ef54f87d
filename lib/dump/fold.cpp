// From a graph to its segments and back.
#include <algorithm>
#include <tuple>

#include "dump/folding.hpp"

namespace unspool::detail {
namespace {

constexpr std::int64_t id_or_none(std::uint32_t id) { return id == GraphMemory::never ? -1 : std::int64_t{id}; }

class Folder {
 public:
  explicit Folder(const Graph& graph) : graph_(graph) {}

  FoldedGraph run() {
    out_.tables = tables();
    out_.nodes = graph_.nodes.size();
    out_.has_memory = !graph_.memory.empty();
    const std::vector<std::uint32_t> shape = number_shapes(graph_, out_.shapes);
    shape_ = &shape;
    std::uint32_t done = 0;
    for (const Run& run : find_runs(graph_, shape)) {
      literal(done, run.first);
      repeated(run);
      done = run.end();
    }
    literal(done, static_cast<std::uint32_t>(graph_.nodes.size()));
    out_.gradient_norm.reserve(graph_.nodes.size());
    for (const GraphNode& n : graph_.nodes) out_.gradient_norm.push_back(n.gradient_norm);
    return std::move(out_);
  }

 private:
  Graph tables() const {
    Graph t;
    t.scalar = graph_.scalar;
    t.ops = graph_.ops;
    t.parameters = graph_.parameters;
    t.texts = graph_.texts;
    t.values = graph_.values;
    t.loss = graph_.loss;
    t.walk_known = graph_.walk_known;
    t.arena_bytes = graph_.arena_bytes;
    t.gradient_bytes_peak = graph_.gradient_bytes_peak;
    return t;
  }

  void row(std::uint32_t i, std::vector<std::int64_t>& out) const {
    const GraphNode& n = graph_.nodes[i];
    static const GraphMemory unknown;
    const GraphMemory& m = graph_.memory.empty() ? unknown : graph_.memory[i];
    const std::int64_t entries[entry_count] = {n.op,
                                               (*shape_)[i],
                                               n.step,
                                               n.scope,
                                               n.file,
                                               n.line,
                                               n.flags,
                                               n.value_bytes,
                                               n.saved_bytes,
                                               n.flops,
                                               n.parameter_index,
                                               m.arena_bytes,
                                               m.gradient_bytes,
                                               id_or_none(m.gradient_born),
                                               id_or_none(m.gradient_freed),
                                               m.scratch_bytes,
                                               m.held_bytes,
                                               id_or_none(m.held_freed),
                                               m.flush_bytes,
                                               n.input_count};
    out.insert(out.end(), entries, entries + entry_count);
    for (const std::uint32_t input : graph_.inputs_of(n)) out.push_back(input);
    for (const std::int64_t word : graph_.attrs_of(n)) out.push_back(word);
  }

  void literal(std::uint32_t first, std::uint32_t end) {
    if (first == end) return;
    Segment& s = out_.segments.emplace_back();
    s.first = first;
    for (std::uint32_t i = first; i < end; ++i) {
      row(i, s.entries);
      s.row_start.push_back(s.entries.size());
    }
  }

  // What an entry does over the repetitions: base + k * stride, and what differs.
  struct Course {
    std::int64_t base = 0, stride = 0;
    Segment::Exception open{0, 0, 0, 0, 0, 0};  // of count 0: none
  };

  void repeated(const Run& run) {
    Segment s;
    s.first = run.first;
    s.count = run.count;
    std::vector<std::int64_t> second, third;
    for (std::uint32_t r = 0; r < run.period; ++r) {
      row(run.first + run.period + r, second);
      row(run.first + 2 * run.period + r, third);
      s.row_start.push_back(second.size());
    }
    std::vector<Course> courses(second.size());
    for (std::size_t e = 0; e < second.size(); ++e) courses[e] = course(second[e], third[e], run.count);

    std::vector<std::int64_t> entries;
    for (std::uint32_t k = 0; k < run.count; ++k) {
      for (std::uint32_t r = 0; r < run.period; ++r) {
        entries.clear();
        row(run.first + k * run.period + r, entries);
        for (std::uint32_t e = 0; e < entries.size(); ++e) follow(s, courses[s.row_start[r] + e], r, e, k, entries[e]);
      }
    }
    for (std::uint32_t r = 0; r < run.period; ++r)
      for (std::uint32_t e = 0; e < s.row_start[r + 1] - s.row_start[r]; ++e) {
        Course& c = courses[s.row_start[r] + e];
        close(s, c);
        s.entries.push_back(c.base);
        if (c.stride != 0) s.strides.push_back({r, e, c.stride});
      }
    std::sort(s.exceptions.begin(), s.exceptions.end(), [](const auto& a, const auto& b) {
      return std::tie(a.row, a.entry, a.first) < std::tie(b.row, b.entry, b.first);
    });
    out_.segments.push_back(std::move(s));
  }

  static Course course(std::int64_t second, std::int64_t third, std::uint32_t count) {
    if (is_number(second) && is_number(third)) {
      const std::int64_t stride = third - second;
      std::int64_t last = 0;
      const bool lost =
          __builtin_mul_overflow(stride, std::int64_t{count} - 2, &last) || __builtin_add_overflow(last, second, &last);
      if (!lost && is_number(second - stride) && is_number(last)) return {second - stride, stride, {}};
    }
    return {second, 0, {}};
  }

  static void follow(Segment& s, Course& c, std::uint32_t r, std::uint32_t e, std::uint64_t k, std::int64_t value) {
    if (value == c.base + static_cast<std::int64_t>(k) * c.stride) return close(s, c);
    Segment::Exception& open = c.open;
    if (open.count == 1 && is_number(value) && is_number(open.value)) {
      open.stride = value - open.value;
      open.count = 2;
    } else if (open.count > 1 && value == open.value + static_cast<std::int64_t>(open.count) * open.stride) {
      ++open.count;
    } else {
      close(s, c);
      open = {r, e, k, 1, value, 0};
    }
  }
  static void close(Segment& s, Course& c) {
    if (c.open.count > 0) s.exceptions.push_back(c.open);
    c.open.count = 0;
  }

  const Graph& graph_;
  const std::vector<std::uint32_t>* shape_ = nullptr;
  FoldedGraph out_;
};

class Unfolder {
 public:
  explicit Unfolder(const FoldedGraph& folded) : folded_(folded), out_(folded.tables) {}

  Graph run() {
    out_.nodes.reserve(folded_.nodes);
    if (folded_.has_memory) out_.memory.reserve(folded_.nodes);
    for (const Segment& s : folded_.segments) unfold(s);
    for (std::size_t i = 0; i < out_.nodes.size() && i < folded_.gradient_norm.size(); ++i)
      out_.nodes[i].gradient_norm = folded_.gradient_norm[i];
    return std::move(out_);
  }

 private:
  void unfold(const Segment& s) {
    std::vector<std::int64_t> entries;
    for (std::uint64_t k = 0; k < s.count; ++k) {
      // Strides and exceptions are in the order of the rows; what lies in the past of a row's exceptions is passed by.
      auto stride = s.strides.begin();
      std::size_t exception = 0;
      for (std::uint32_t r = 0; r < s.rows(); ++r) {
        const auto row = s.row(r);
        entries.assign(row.begin(), row.end());
        for (; stride != s.strides.end() && stride->row == r; ++stride)
          entries[stride->entry] += static_cast<std::int64_t>(k) * stride->stride;
        apply_exceptions(s, r, k, exception, entries);
        add(entries);
      }
    }
    passed_.clear();
  }

  // For each row and entry the exceptions are read once over all repetitions: `passed_` remembers where they stand.
  void apply_exceptions(const Segment& s, std::uint32_t r, std::uint64_t k, std::size_t& group,
                        std::vector<std::int64_t>& entries) {
    if (passed_.empty() && !s.exceptions.empty()) index_exceptions(s);
    for (; group < passed_.size() && passed_[group].row == r; ++group) {
      Passed& p = passed_[group];
      while (p.at < p.end && s.exceptions[p.at].first + s.exceptions[p.at].count <= k) ++p.at;
      if (p.at == p.end || s.exceptions[p.at].first > k) continue;
      const Segment::Exception& x = s.exceptions[p.at];
      entries[x.entry] = x.value + static_cast<std::int64_t>(k - x.first) * x.stride;
    }
  }
  void index_exceptions(const Segment& s) {
    for (std::size_t i = 0; i < s.exceptions.size();) {
      std::size_t end = i;
      while (end < s.exceptions.size() && s.exceptions[end].row == s.exceptions[i].row &&
             s.exceptions[end].entry == s.exceptions[i].entry)
        ++end;
      passed_.push_back({s.exceptions[i].row, i, end});
      i = end;
    }
  }

  void add(const std::vector<std::int64_t>& e) {
    const auto get = [&](Entry entry) { return e[at(entry)]; };
    const auto id = [&](Entry entry) {
      return get(entry) < 0 ? GraphMemory::never : static_cast<std::uint32_t>(get(entry));
    };
    GraphNode n;
    n.op = static_cast<std::uint32_t>(get(Entry::op));
    n.scope = static_cast<std::uint32_t>(get(Entry::scope));
    n.file = static_cast<std::uint32_t>(get(Entry::file));
    n.line = static_cast<std::uint32_t>(get(Entry::line));
    n.step = get(Entry::step);
    n.parameter_index = static_cast<std::int32_t>(get(Entry::parameter));
    n.flags = static_cast<std::uint8_t>(get(Entry::flags));
    n.value_bytes = get(Entry::value_bytes);
    n.saved_bytes = get(Entry::saved_bytes);
    n.flops = get(Entry::flops);
    const std::vector<std::int64_t>& extents = folded_.shapes[static_cast<std::size_t>(get(Entry::shape))];
    n.rank = static_cast<std::uint8_t>(extents.size());
    n.first_extent = out_.extents.size();
    out_.extents.insert(out_.extents.end(), extents.begin(), extents.end());
    n.input_count = static_cast<std::uint32_t>(get(Entry::inputs));
    n.first_input = out_.inputs.size();
    const std::size_t operands = entry_count + n.input_count;
    for (std::size_t k = entry_count; k < operands; ++k) out_.inputs.push_back(static_cast<std::uint32_t>(e[k]));
    n.attr_count = static_cast<std::uint32_t>(e.size() - operands);
    n.first_attr = out_.attrs.size();
    out_.attrs.insert(out_.attrs.end(), e.begin() + static_cast<std::ptrdiff_t>(operands), e.end());
    out_.nodes.push_back(n);
    if (!folded_.has_memory) return;
    out_.memory.push_back({get(Entry::arena_bytes), get(Entry::gradient_bytes), get(Entry::scratch_bytes),
                           get(Entry::held_bytes), get(Entry::flush_bytes), id(Entry::gradient_born),
                           id(Entry::gradient_freed), id(Entry::held_freed)});
  }

  struct Passed {
    std::uint32_t row;
    std::size_t at, end;
  };

  const FoldedGraph& folded_;
  Graph out_;
  std::vector<Passed> passed_;
};

}  // namespace

FoldedGraph fold(const Graph& graph) { return Folder(graph).run(); }
Graph unfold(const FoldedGraph& folded) { return Unfolder(folded).run(); }

}  // namespace unspool::detail
