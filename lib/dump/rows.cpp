#include "dump/rows.hpp"

#include <algorithm>

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

  // From levels to rows: the bars of a level come one above another, then the row of its other nodes.
  std::vector<std::uint32_t> bars(levels, 0);
  std::vector<std::uint8_t> others(levels, 0);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (p.cell[i] == Placement::bar)
      ++bars[row[i]];
    else if (p.is_drawn(i))
      others[row[i]] = 1;
  }
  std::vector<std::uint32_t> first(levels + 1, 0);
  for (std::uint32_t l = 0; l < levels; ++l) first[l + 1] = first[l] + bars[l] + others[l];
  std::vector<std::uint32_t> placed(levels, 0);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!p.is_drawn(i)) continue;
    const std::uint32_t level = row[i];
    row[i] = first[level] + (p.cell[i] == Placement::bar ? placed[level]++ : bars[level]);
  }
  return first[levels];
}

}  // namespace unspool::detail
