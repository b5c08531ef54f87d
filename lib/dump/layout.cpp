#include "dump/layout.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>

#include "dump/cell_layout.hpp"
#include "dump/rows.hpp"

namespace unspool::detail {
namespace {

constexpr std::uint16_t port_width = 8;

bool before(const Layout::Waypoint& a, const Layout::Waypoint& b) {
  return std::tie(a.source, a.cell, a.row) < std::tie(b.source, b.cell, b.row);
}

class Layouter {
 public:
  Layouter(const Graph& graph, const Placement& placement, const LayoutOptions& options)
      : graph_(graph), p_(placement), o_(options) {}

  Layout run() {
    const std::uint32_t count = static_cast<std::uint32_t>(graph_.nodes.size());
    out_.rows = find_rows(graph_, p_, out_.row);
    out_.x.assign(count, 0);
    out_.width.assign(count, o_.node_width);
    out_.visible.assign(count, 0);
    out_.cells.resize(p_.cells.size());
    choose_cells();
    find_bar_readers();
    members_ = group(p_.cell, static_cast<std::uint32_t>(p_.cells.size()));
    for (std::uint32_t c = 0; c < out_.cells.size(); ++c)
      if (out_.cells[c].visible) fill_cell(c);
    set_cells_in_line();
    lay_bars();
    std::sort(out_.waypoints.begin(), out_.waypoints.end(), before);
    return std::move(out_);
  }

 private:
  void choose_cells() {
    for (std::uint32_t c = 0; c < p_.cells.size();) {
      if (!p_.cells[c].is_column()) {
        out_.cells[c++].visible = true;
        continue;
      }
      std::uint32_t end = c;
      while (p_.cells[end].is_column()) ++end;  // a lane follows every block
      for (std::uint32_t k = c; k < end; ++k) out_.cells[k].visible = o_.shown.empty() || o_.shown[k] != 0;
      const std::uint64_t ends = static_cast<std::uint64_t>(o_.first_steps + o_.last_steps);
      if (o_.shown.empty() && o_.first_steps >= 0 && end - c > ends + 1)
        for (std::int64_t k = c + o_.first_steps; k < end - o_.last_steps; ++k)
          out_.cells[static_cast<std::size_t>(k)].visible = false;
      for (; c < end; ++c) fold_at(c, end);
    }
  }

  // Where a hidden column begins a stretch of them, it stands for all.
  void fold_at(std::uint32_t c, std::uint32_t end) {
    const auto visible = [&](std::uint32_t k) { return out_.cells[k].visible; };
    if (visible(c) || (p_.cells[c - 1].is_column() && !visible(c - 1))) return;
    out_.cells[c].fold = true;
    for (std::uint32_t k = c; k < end && !visible(k); ++k) ++out_.cells[c].folded;
  }

  // The node's relations inside its cell are what a stamp depends on; which steps it talks to does not matter, only
  // from which side.
  void fill_cell(std::uint32_t c) {
    CellGraph cell;
    std::vector<std::uint32_t> shown;
    std::unordered_map<std::uint32_t, std::uint32_t> in_row;
    for (const std::uint32_t i : members_.of(c)) {
      if (!out_.row_visible(out_.row[i], o_)) continue;
      if (++in_row[out_.row[i]] > o_.row_nodes) {
        ++out_.cells[c].hidden_nodes;
        continue;
      }
      out_.visible[i] = 1;
      local_[i] = static_cast<std::uint32_t>(shown.size());
      shown.push_back(i);
    }
    const std::uint16_t width = static_cast<std::uint16_t>(o_.node_width);
    for (const std::uint32_t i : shown) cell.nodes.push_back({out_.row[i], side(i, c), width});
    // Bars are touched at ports, narrow nodes of the column in the bar's row.
    std::unordered_map<std::uint32_t, std::uint32_t> ports;
    std::vector<std::uint32_t> port_bars;
    const auto local = [&](std::uint32_t i) {
      if (p_.cell[i] != Placement::bar) return local_[i];
      const auto [at, fresh] = ports.try_emplace(i, static_cast<std::uint32_t>(cell.nodes.size()));
      if (fresh) {
        cell.nodes.push_back({out_.row[i], 0, port_width});
        port_bars.push_back(i);
      }
      return at->second;
    };
    const auto add_edge = [&](std::uint32_t from, std::uint32_t to) {
      if (!p_.cells[c].is_column() && (p_.cell[from] == Placement::bar || p_.cell[to] == Placement::bar)) return;
      for (const std::uint32_t end : {from, to})
        if (p_.cell[end] == Placement::bar ? !out_.row_visible(out_.row[end], o_)
                                           : p_.cell[end] != c || out_.visible[end] == 0)
          return;
      const std::uint32_t low = local(from);
      cell.edges.push_back({low, local(to)});
    };
    for (const std::uint32_t i : shown) {
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) add_edge(p_.drawn_as[input], i);
      for (const std::uint32_t bar : bar_readers_.of(i)) add_edge(i, bar);
    }
    const CellLayout& stamp = stamps_.lay_out(cell, o_.node_gap);
    for (std::uint32_t k = 0; k < shown.size(); ++k) out_.x[shown[k]] = stamp.x[k];
    for (std::uint32_t k = 0; k < port_bars.size(); ++k)
      out_.waypoints.push_back({port_bars[k], c, out_.row[port_bars[k]], stamp.x[shown.size() + k]});
    for (const CellLayout::Waypoint& w : stamp.waypoints)
      out_.waypoints.push_back(
          {w.node < shown.size() ? shown[w.node] : port_bars[w.node - shown.size()], c, w.row, w.x});
    out_.cells[c].width = shown.empty() ? 0 : stamp.width;
  }

  // Left: reads an earlier column; right: a later one, or an earlier column reads it from the other side.
  std::int16_t side(std::uint32_t i, std::uint32_t c) const {
    for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
      const std::uint32_t from = p_.drawn_as[input];
      if (!p_.in_cell(from) || p_.cell[from] == c) continue;
      return p_.cell[from] < c ? -1 : 1;
    }
    return 0;
  }

  void set_cells_in_line() {
    widen_columns();
    double at = 0;
    for (std::uint32_t c = 0; c < out_.cells.size(); ++c) {
      Layout::Cell& cell = out_.cells[c];
      cell.left = at;
      if (cell.fold) cell.width = o_.fold_width;
      if (!cell.visible && !cell.fold) continue;
      if (cell.width > 0) at += cell.width + o_.column_gap;
      for (const std::uint32_t i : members_.of(c))
        if (out_.visible[i] != 0) out_.x[i] += cell.left + indent_[c];
    }
    for (Layout::Waypoint& w : out_.waypoints) w.x += out_.cells[w.cell].left + indent_[w.cell];
    out_.width_total = at > 0 ? at - o_.column_gap : 0;
  }

  // The columns of a block are as wide as its widest, so that time runs evenly.
  void widen_columns() {
    indent_.assign(out_.cells.size(), 0);
    std::vector<double> widest;
    for (std::uint32_t c = 0; c < out_.cells.size(); ++c) {
      const std::uint32_t block = p_.cells[c].block;
      if (block >= widest.size()) widest.resize(block + 1, 0);
      if (p_.cells[c].is_column() && out_.cells[c].visible)
        widest[block] = std::max(widest[block], out_.cells[c].width);
    }
    for (std::uint32_t c = 0; c < out_.cells.size(); ++c) {
      if (!p_.cells[c].is_column() || !out_.cells[c].visible) continue;
      indent_[c] = std::floor((widest[p_.cells[c].block] - out_.cells[c].width) / 2);
      out_.cells[c].width = widest[p_.cells[c].block];
    }
  }

  // One that deals with hidden steps only is hidden with them.
  void lay_bars() {
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (p_.cell[i] != Placement::bar || !out_.row_visible(out_.row[i], o_)) continue;
      const std::uint32_t first = p_.first_cell[i], last = p_.last_cell[i];
      const bool spans = first <= last;
      if (spans && !any_visible(first, last)) continue;
      out_.visible[i] = 1;
      const double left = spans ? edge_of(first, true) : 0;
      const double right = spans ? edge_of(last, false) : out_.width_total;
      out_.x[i] = (left + right) / 2;
      out_.width[i] = std::max(o_.node_width, right - left);
    }
  }
  bool any_visible(std::uint32_t first, std::uint32_t last) const {
    for (std::uint32_t c = first; c <= last; ++c)
      if (p_.cells[c].is_column() && out_.cells[c].visible) return true;
    return false;
  }
  // What begins or ends at a hidden column does so in the middle of the fold.
  double edge_of(std::uint32_t c, bool left) const {
    while (!out_.cells[c].visible && !out_.cells[c].fold) --c;
    const Layout::Cell& cell = out_.cells[c];
    if (!cell.visible) return cell.left + cell.width / 2 + (left ? 4 : -4);
    return cell.left + (left ? 0 : cell.width);
  }

  // For every node of a cell the bars that read it.
  void find_bar_readers() {
    const std::uint32_t count = static_cast<std::uint32_t>(graph_.nodes.size());
    std::vector<std::uint32_t> reader;
    std::vector<std::uint32_t> key;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (p_.cell[i] != Placement::bar) continue;
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
        key.push_back(p_.drawn_as[input]);
        reader.push_back(i);
      }
    }
    bar_readers_ = group(key, count);
    for (std::uint32_t& at : bar_readers_.node) at = reader[at];
  }

  const Graph& graph_;
  const Placement& p_;
  const LayoutOptions& o_;
  Layout out_;
  Groups members_;
  Stamps stamps_;
  std::vector<double> indent_;  // of each cell: what centres it in its block's width
  std::vector<std::uint32_t> local_ = std::vector<std::uint32_t>(graph_.nodes.size());
  Groups bar_readers_;
};

}  // namespace

std::span<const Layout::Waypoint> Layout::ways_of(std::uint32_t source, std::uint32_t cell) const {
  const auto first = std::lower_bound(waypoints.begin(), waypoints.end(), Waypoint{source, cell, 0, 0}, before);
  auto last = first;
  while (last != waypoints.end() && last->source == source && last->cell == cell) ++last;
  return {first, last};
}

Layout lay_out(const Graph& graph, const Placement& placement, const LayoutOptions& options) {
  return Layouter(graph, placement, options).run();
}

}  // namespace unspool::detail
