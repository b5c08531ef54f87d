// Layout: rows and coordinates for a placed graph. A column is laid out once for every structure that columns have and
// stamped along time, so the whole is linear in the nodes. Coordinates are in pixels, x to the right, rows upwards.
#pragma once

#include "dump/placement.hpp"

namespace unspool::detail {

struct LayoutOptions {
  double node_width = 96;
  double node_gap = 16;
  double column_gap = 44;
  double fold_width = 84;           ///< of the place that stands for the folded steps
  std::int64_t first_steps = -1;    ///< of each block, drawn before the fold; -1: all
  std::int64_t last_steps = 0;      ///< and after it
  std::vector<std::uint8_t> shown;  ///< of each cell, instead of first and last steps; empty: those
  std::uint32_t first_rows = ~0u;   ///< rows drawn at the bottom; a deep graph is folded as a long one is
  std::uint32_t last_rows = 0;      ///< and at the top
  std::uint32_t row_nodes = ~0u;    ///< nodes drawn of one row of one cell
};

struct Layout {
  struct Cell {
    double left = 0;
    double width = 0;
    bool visible = false;
    bool fold = false;               ///< the first hidden column of a block: the fold stands here
    std::uint32_t folded = 0;        ///< columns that it stands for
    std::uint32_t hidden_nodes = 0;  ///< nodes left out because their row was full
  };
  /// Where the edges of `source` pass a row of a cell on their way further up; for a bar, also where they touch it.
  struct Waypoint {
    std::uint32_t source;
    std::uint32_t cell;
    std::uint32_t row;
    double x;
  };

  std::vector<std::uint32_t> row;  ///< of each node
  std::vector<double> x;           ///< centre of each visible node; of a bar as well
  std::vector<double> width;       ///< of each visible node
  std::vector<std::uint8_t> visible;
  std::vector<Cell> cells;  ///< as Placement::cells
  std::uint32_t rows = 0;
  std::vector<Waypoint> waypoints;  ///< ordered by source, cell and row
  double width_total = 0;
  bool row_visible(std::uint32_t r, const LayoutOptions& o) const {
    return rows <= std::uint64_t{o.first_rows} + o.last_rows || r < o.first_rows || r >= rows - o.last_rows;
  }
  std::span<const Waypoint> ways_of(std::uint32_t source, std::uint32_t cell) const;
};

Layout lay_out(const Graph& graph, const Placement& placement, const LayoutOptions& options);

/// An edge that counts for rows: from below, inside a cell, from or to a bar, or into a lane. What a step hands to
/// another step, and an initial state to the first, runs sideways.
inline bool runs_up(const Placement& p, std::uint32_t from, std::uint32_t to) {
  if (!p.in_cell(from) || !p.in_cell(to)) return p.is_drawn(from) && p.is_drawn(to);
  return p.cell[from] == p.cell[to] || !p.cells[p.cell[to]].is_column();
}

}  // namespace unspool::detail
