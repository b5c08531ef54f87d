// Frame: the geometry that the pictures share, in pixels with y downwards: boxes and the curves between them.
#pragma once

#include <map>

#include "dump/layout.hpp"
#include "dump/roles.hpp"

namespace unspool::detail {

struct Point {
  double x, y;
};

/// A start, then three points a cubic Bezier curve. It ends `Frame::arrow` before what it points at.
struct Route {
  std::uint32_t from = 0;
  bool carries = false;   ///< from step to step
  bool constant = false;  ///< no gradient flows back
  std::vector<Point> points;
  bool level = false;  ///< straight from side to side, and nothing stands in its way
};

/// What passes the border of a fold of hidden steps: an arrow between a shown node and the border.
struct FoldRoute {
  std::uint32_t fold = 0;  ///< cell
  bool enters = true;      ///< from a shown step; else it leaves towards one
  std::vector<Point> points;
};

class Frame {
 public:
  static constexpr double node_height = 36;
  static constexpr double half = node_height / 2;
  static constexpr double row_pitch = 64;
  static constexpr double arrow = 5;

  /// The frame's left edge and the top of its highest row.
  Frame(const Graph& graph, const Placement& p, const LayoutOptions& o, Point origin)
      : graph_(graph), p_(p), o_(o), l_(lay_out(graph, p, o_)), origin_(origin) {
    find_outermost();
  }

  const Layout& layout() const { return l_; }
  const LayoutOptions& options() const { return o_; }
  bool rows_folded() const { return l_.rows > std::uint64_t{o_.first_rows} + o_.last_rows; }
  std::uint32_t rows_shown() const { return rows_folded() ? o_.first_rows + o_.last_rows + 1 : l_.rows; }
  bool visible(std::uint32_t node) const { return l_.visible[node] != 0; }
  double x(std::uint32_t node) const { return origin_.x + l_.x[node]; }
  double left(std::uint32_t node) const { return x(node) - l_.width[node] / 2; }
  double right(std::uint32_t node) const { return x(node) + l_.width[node] / 2; }
  double y(std::uint32_t node) const { return row_y(l_.row[node]); }
  /// Middle of a row; rows that are folded share one.
  double row_y(std::uint32_t row) const;
  double cell_left(std::uint32_t c) const { return origin_.x + l_.cells[c].left; }
  double cell_width(std::uint32_t c) const { return l_.cells[c].width; }
  double top() const { return origin_.y; }
  double bottom() const { return origin_.y + rows_shown() * row_pitch; }

  /// Whether no box of its cell stands between a node and its cell's right (or left) side.
  bool is_outermost(std::uint32_t node, bool rightwards) const;
  /// The edges into a node from what is visible, one for each source.
  std::vector<Route> routes_into(std::uint32_t node) const;
  /// Appends the edges of a node that pass a fold's border.
  void fold_routes_into(std::uint32_t node, std::vector<FoldRoute>& routes) const;

 private:
  void find_outermost();
  void through_gap(std::vector<Point>& points, Point end, double out, double in) const;
  bool is_free_between(std::uint32_t from, std::uint32_t to) const;
  bool runs_sideways(std::uint32_t from, std::uint32_t to) const;
  double approach(std::uint32_t from, std::uint32_t to) const;
  Route rise(std::uint32_t from, std::uint32_t to, double entry) const;
  Route sideways(std::uint32_t from, std::uint32_t to) const;
  Route begin(std::uint32_t from, std::uint32_t to, Point start) const;

  const Graph& graph_;
  const Placement& p_;
  LayoutOptions o_;
  Layout l_;
  Point origin_;
  std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> outermost_;  // of a row of a cell: left and right
};

}  // namespace unspool::detail
