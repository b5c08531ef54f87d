#include "dump/placement.hpp"

#include <algorithm>

#include "dump/passes.hpp"

namespace unspool::detail {
namespace {

constexpr std::uint32_t nowhere = Placement::nowhere;

// The least and the greatest cell of a set: all that is asked of it is whether it has none, one or several.
struct Range {
  std::uint32_t first = nowhere;
  std::uint32_t last = 0;
  void add(std::uint32_t cell) {
    first = std::min(first, cell);
    last = std::max(last, cell);
  }
  bool none() const { return first == nowhere; }
  bool one() const { return first == last; }
  bool several() const { return first < last; }
};

class Placer {
 public:
  explicit Placer(const Graph& graph) : graph_(graph), count_(static_cast<std::uint32_t>(graph.nodes.size())) {
    out_.cell.assign(count_, nowhere);
    out_.stands_for.assign(count_, nowhere);
    out_.carried.assign(count_, 0);
    fold_views();
  }

  Placement run() {
    passes_ = find_passes(graph_, out_.drawn_as);
    make_columns();
    step_nodes_ = group(out_.cell, cell_count());
    place_dependents();
    place_sources();
    mark_carried();
    find_spans();
    return std::move(out_);
  }

 private:
  std::uint32_t cell_count() const { return static_cast<std::uint32_t>(out_.cells.size()); }
  std::uint32_t source(std::uint32_t input) const { return out_.drawn_as[input]; }
  bool drawn(std::uint32_t i) const { return out_.drawn_as[i] == i && graph_.nodes[i].parameter_index < 0; }
  bool of_step(std::uint32_t i) const { return graph_.nodes[i].step >= 0; }
  std::uint32_t lane_of(std::uint32_t block) const { return lanes_[block]; }
  std::uint32_t block_of(std::uint32_t cell) const { return out_.cells[cell].block; }
  bool begins_block(std::uint32_t column) const { return column == lanes_[block_of(column)] + 1; }
  bool ends_block(std::uint32_t column) const { return column + 1 == lanes_[block_of(column) + 1]; }

  void fold_views() {
    out_.drawn_as.resize(count_);
    for (std::uint32_t i = 0; i < count_; ++i) {
      const GraphNode& n = graph_.nodes[i];
      const bool folds = n.has(GraphNode::view) && n.input_count > 0;
      out_.drawn_as[i] = folds ? out_.drawn_as[graph_.inputs_of(n)[0]] : i;
    }
  }

  void make_columns() {
    using Key = std::pair<std::uint32_t, std::int64_t>;  // block, step
    const auto key = [&](std::uint32_t i) { return Key(passes_.block[passes_.of_node[i]], graph_.nodes[i].step); };
    std::vector<Key> columns;
    for (std::uint32_t i = 0; i < count_; ++i)
      if (passes_.of_node[i] != nowhere && (columns.empty() || columns.back() != key(i))) columns.push_back(key(i));
    std::sort(columns.begin(), columns.end());
    columns.erase(std::unique(columns.begin(), columns.end()), columns.end());

    std::vector<std::uint32_t> cell_of_column;
    const std::uint32_t blocks = passes_.block.empty() ? 0 : passes_.block.back() + 1;
    for (std::uint32_t b = 0; b <= blocks; ++b) {
      lanes_.push_back(cell_count());
      out_.cells.push_back({Placement::lane, b});
      while (cell_of_column.size() < columns.size() && columns[cell_of_column.size()].first == b) {
        out_.cells.push_back({columns[cell_of_column.size()].second, b});
        cell_of_column.push_back(cell_count() - 1);
      }
    }
    std::uint32_t at = 0;  // neighbours in time are mostly neighbours in the recording
    for (std::uint32_t i = 0; i < count_; ++i) {
      if (passes_.of_node[i] == nowhere) continue;
      if (columns[at] != key(i))
        at = static_cast<std::uint32_t>(std::lower_bound(columns.begin(), columns.end(), key(i)) - columns.begin());
      out_.cell[i] = cell_of_column[at];
    }
  }

  // What was recorded outside the steps and depends on one of them.
  void place_dependents() {
    depends_.assign(count_, 0);
    std::vector<Range> readers(count_);
    for (std::uint32_t i = 0; i < count_; ++i)
      if (out_.in_cell(i))
        for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) readers[source(input)].add(out_.cell[i]);
    for (std::uint32_t i = 0; i < count_; ++i) {
      if (!drawn(i) || of_step(i)) continue;
      Range steps;
      Range others;
      bool reads_bar = false;
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
        const std::uint32_t from = source(input);
        if (of_step(from) && out_.in_cell(from)) {
          steps.add(out_.cell[from]);
        } else if (depends_[from] != 0) {
          if (out_.cell[from] == Placement::bar)
            reads_bar = true;
          else
            others.add(out_.cell[from]);
        }
      }
      if (steps.none() && others.none() && !reads_bar) continue;
      depends_[i] = 1;
      out_.cell[i] = dependent_cell(i, steps, others, readers[i]);
    }
  }

  std::uint32_t dependent_cell(std::uint32_t i, const Range& steps, const Range& others, const Range& readers) const {
    if (steps.several() || readers.several()) return Placement::bar;
    if (steps.none() && others.none()) {
      const GraphNode& n = graph_.nodes[i];
      const bool one_value =
          std::all_of(graph_.extents.begin() + n.first_extent, graph_.extents.begin() + n.first_extent + n.rank,
                      [](auto e) { return e == 1; });
      return one_value ? lanes_.back() : Placement::bar;
    }
    std::uint32_t cell = others.none() ? 0 : others.last;
    if (!steps.none()) {
      const bool bridge = !readers.none() && block_of(readers.first) > block_of(steps.last);
      const std::uint32_t own = bridge                                     ? lane_of(block_of(readers.first))
                                : ends_block(steps.last) && readers.none() ? lane_of(block_of(steps.last) + 1)
                                                                           : steps.last;
      cell = std::max(cell, own);
    }
    return cell;
  }

  // What depends on no step is placed by what reads it, so from the end.
  void place_sources() {
    struct Readers {
      Range columns;
      Range lanes;
      bool bar = false;
      std::uint32_t reader = 0;    // one of them, in a column
      std::uint32_t position = 0;  // of the operand there
    };
    std::vector<Readers> readers(count_);
    for (std::uint32_t i = count_; i-- > 0;) {
      if (!drawn(i)) continue;
      if (!out_.is_drawn(i)) {
        const Readers& r = readers[i];
        if (r.columns.several())
          out_.cell[i] = Placement::bar;
        else if (r.columns.one())
          out_.cell[i] = source_cell(i, r.columns.first, r.reader, r.position);
        else
          out_.cell[i] = !r.lanes.none() ? r.lanes.first : r.bar ? Placement::bar : 0;
      }
      const std::span<const std::uint32_t> inputs = graph_.inputs_of(graph_.nodes[i]);
      for (std::uint32_t k = 0; k < inputs.size(); ++k) {
        Readers& r = readers[source(inputs[k])];
        if (out_.cell[i] == Placement::bar) {
          r.bar = true;
        } else if (out_.in_column(i)) {
          r.columns.add(out_.cell[i]);
          r.reader = i;
          r.position = k;
        } else {
          r.lanes.add(out_.cell[i]);
        }
      }
    }
  }

  // Read by one column only: an initial state, or an input that was recorded outside its step. It is a state where
  // the same place of the neighbouring column reads another column.
  std::uint32_t source_cell(std::uint32_t i, std::uint32_t column, std::uint32_t reader, std::uint32_t position) {
    const bool first = begins_block(column);
    const bool last = ends_block(column);
    const std::uint32_t before = lane_of(block_of(column));
    const std::uint32_t after = lane_of(block_of(column) + 1);
    if (first && last) return before;
    if (first && takes_place_of(i, column, column + 1, reader, position)) return before;
    if (last && takes_place_of(i, column, column - 1, reader, position)) return after;
    return column;
  }

  bool takes_place_of(std::uint32_t i, std::uint32_t column, std::uint32_t other, std::uint32_t reader,
                      std::uint32_t position) {
    const std::span<const std::uint32_t> here = step_nodes_.of(column);
    const std::span<const std::uint32_t> there = step_nodes_.of(other);
    const std::size_t at = static_cast<std::size_t>(std::lower_bound(here.begin(), here.end(), reader) - here.begin());
    if (at >= here.size() || here[at] != reader || at >= there.size()) return false;
    const GraphNode& twin = graph_.nodes[there[at]];
    if (twin.op != graph_.nodes[reader].op || twin.input_count != graph_.nodes[reader].input_count) return false;
    const std::uint32_t state = source(graph_.inputs_of(twin)[position]);
    if (!out_.in_column(state) || out_.cell[state] == other) return false;
    out_.stands_for[i] = state;
    return true;
  }

  void mark_carried() {
    for (std::uint32_t i = 0; i < count_; ++i) {
      if (!drawn(i) || !out_.in_column(i)) continue;
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
        const std::uint32_t from = source(input);
        if (out_.in_column(from) && out_.cell[from] != out_.cell[i]) out_.carried[from] = 1;
      }
    }
    // At the end of time nothing reads the state any more; it is known by its neighbour's.
    for (std::uint32_t c = 0; c < cell_count(); ++c) {
      if (!out_.cells[c].is_column()) continue;
      if (ends_block(c) && !begins_block(c)) copy_carried(c - 1, c);
      if (begins_block(c) && !ends_block(c)) copy_carried(c + 1, c);
    }
  }
  bool alike(std::uint32_t a, std::uint32_t b) const {
    const GraphNode &x = graph_.nodes[a], &y = graph_.nodes[b];
    return x.op == y.op && x.scope == y.scope && x.input_count == y.input_count;
  }
  void copy_carried(std::uint32_t from, std::uint32_t to) {
    const std::span<const std::uint32_t> known = step_nodes_.of(from);
    const std::span<const std::uint32_t> ends = step_nodes_.of(to);
    // Twins come in the same order; at the ends there may be nodes between them, such as states that nobody reads.
    std::size_t at = 0;
    for (const std::uint32_t node : known) {
      std::size_t twin = at;
      while (twin < ends.size() && !alike(node, ends[twin])) ++twin;
      if (twin == ends.size()) continue;
      if (out_.carried[node] != 0) out_.carried[ends[twin]] = 1;
      at = twin + 1;
    }
  }

  void find_spans() {
    out_.first_cell.assign(count_, nowhere);
    out_.last_cell.assign(count_, 0);
    for (std::uint32_t i = 0; i < count_; ++i)
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
        widen(i, source(input));
        if (out_.is_drawn(i)) widen(source(input), i);
      }
    for (std::uint32_t i = count_; i-- > 0;)
      if (out_.is_drawn(i))
        for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) widen(source(input), i);
  }
  void widen(std::uint32_t bar, std::uint32_t other) {
    if (out_.cell[bar] != Placement::bar || !out_.is_drawn(other)) return;
    const bool column = out_.in_column(other);
    if (!column && out_.cell[other] != Placement::bar) return;
    out_.first_cell[bar] = std::min(out_.first_cell[bar], column ? out_.cell[other] : out_.first_cell[other]);
    out_.last_cell[bar] = std::max(out_.last_cell[bar], column ? out_.cell[other] : out_.last_cell[other]);
  }

  const Graph& graph_;
  std::uint32_t count_;
  Placement out_;
  Passes passes_;
  std::vector<std::uint32_t> lanes_;  // cell of the lane before each block; one more after the last
  std::vector<std::uint8_t> depends_;
  Groups step_nodes_;
};

}  // namespace

Groups group(const std::vector<std::uint32_t>& key, std::uint32_t count) {
  Groups groups;
  groups.start.assign(count + 1, 0);
  for (const std::uint32_t k : key)
    if (k < count) ++groups.start[k + 1];
  for (std::uint32_t k = 0; k < count; ++k) groups.start[k + 1] += groups.start[k];
  groups.node.resize(groups.start[count]);
  std::vector<std::uint32_t> at(groups.start.begin(), groups.start.end() - 1);
  for (std::uint32_t i = 0; i < key.size(); ++i)
    if (key[i] < count) groups.node[at[key[i]]++] = i;
  return groups;
}

Placement place(const Graph& drawn) { return Placer(drawn).run(); }

}  // namespace unspool::detail
