#include "dump/rows.hpp"

#include <algorithm>

#include "dump/lane_rows.hpp"
#include "dump/layout.hpp"

namespace unspool::detail {
namespace {

// Calls f(source, node) for every edge that runs up, nodes in recording order.
template <class F>
void for_each_rise(const Graph& graph, const Placement& p, std::uint32_t node, F f) {
  for (const std::uint32_t input : graph.inputs_of(graph.nodes[node])) {
    const std::uint32_t from = p.drawn_as[input];
    if (p.is_drawn(from) && runs_up(p, from, node)) f(from);
  }
}

// A node that nothing leads up to stands right below its first reader and not at the bottom.
void lift_sources(const Graph& graph, const Placement& p, std::vector<std::uint32_t>& level) {
  constexpr std::uint32_t unread = ~std::uint32_t{0};
  std::vector<std::uint32_t> lowest_reader(level.size(), unread);
  for (std::uint32_t i = static_cast<std::uint32_t>(level.size()); i-- > 0;) {
    if (!p.is_drawn(i)) continue;
    bool source = true;
    for_each_rise(graph, p, i, [&](std::uint32_t) { source = false; });
    if (source && lowest_reader[i] != unread) level[i] = std::max(level[i], lowest_reader[i] - 1);
    for_each_rise(graph, p, i,
                  [&](std::uint32_t from) { lowest_reader[from] = std::min(lowest_reader[from], level[i]); });
  }
}

// A row of bars, as the stretch of columns that they take up; they come one after the other in one direction.
struct BarRow {
  std::uint32_t first, last;
};

// The lowest row of a level that has room for a bar.
std::uint32_t place_bar(std::vector<BarRow>& rows, std::uint32_t first, std::uint32_t last) {
  std::uint32_t k = 0;
  if (first <= last)
    while (k < rows.size() && first <= rows[k].last && rows[k].first <= last) ++k;
  else
    k = static_cast<std::uint32_t>(rows.size());
  if (k == rows.size()) rows.push_back({first <= last ? first : 0, first <= last ? last : Placement::nowhere});
  rows[k].first = std::min(rows[k].first, first);
  rows[k].last = std::max(rows[k].last, last);
  return k;
}

// From levels to rows: the bars of a level come first, one above another unless they deal with different steps, then the
// row of its other nodes.
std::uint32_t spread_bars(const Placement& p, std::uint32_t levels, std::vector<std::uint32_t>& row) {
  const std::uint32_t count = static_cast<std::uint32_t>(row.size());
  std::vector<std::vector<BarRow>> bars(levels);
  std::vector<std::uint8_t> others(levels, 0);
  std::vector<std::uint32_t> place(count, 0);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (p.cell[i] == Placement::bar)
      place[i] = place_bar(bars[row[i]], p.first_cell[i], p.last_cell[i]);
    else if (p.is_drawn(i))
      others[row[i]] = 1;
  }
  std::vector<std::uint32_t> first(levels + 1, 0);
  for (std::uint32_t l = 0; l < levels; ++l)
    first[l + 1] = first[l] + static_cast<std::uint32_t>(bars[l].size()) + others[l];
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!p.is_drawn(i)) continue;
    const std::uint32_t level = row[i];
    row[i] = first[level] + (p.cell[i] == Placement::bar ? place[i] : static_cast<std::uint32_t>(bars[level].size()));
  }
  return first[levels];
}

}  // namespace

std::uint32_t find_rows(const Graph& graph, const Placement& p, std::vector<std::uint32_t>& row) {
  const std::uint32_t count = static_cast<std::uint32_t>(graph.nodes.size());
  row.assign(count, 0);
  std::uint32_t levels = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!p.is_drawn(i)) continue;
    for_each_rise(graph, p, i, [&](std::uint32_t from) { row[i] = std::max(row[i], row[from] + 1); });
    levels = std::max(levels, row[i] + 1);
  }
  lift_sources(graph, p, row);
  for (std::uint32_t i = 0; i < count; ++i)
    if (p.stands_for[i] != Placement::nowhere) row[i] = std::max(row[i], row[p.stands_for[i]]);
  return part_lane_sources(graph, p, spread_bars(p, levels, row), row);
}

}  // namespace unspool::detail
