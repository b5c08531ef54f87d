#include "dump/frame.hpp"

#include <algorithm>
#include <cmath>

namespace unspool::detail {
namespace {

constexpr double entry_gap = 14;  // between arrows that enter a node from below

void curve(std::vector<Point>& points, Point b, Point c, Point d) { points.insert(points.end(), {b, c, d}); }

void straight(std::vector<Point>& points, Point to) {
  const Point from = points.back();
  curve(points, {(2 * from.x + to.x) / 3, (2 * from.y + to.y) / 3}, {(from.x + 2 * to.x) / 3, (from.y + 2 * to.y) / 3},
        to);
}

// Leaves and arrives upright.
void curve_up(std::vector<Point>& points, Point to) {
  const Point from = points.back();
  if (std::abs(from.x - to.x) < 0.5) return straight(points, to);
  const double bend = std::max(14.0, (from.y - to.y) / 2);
  curve(points, {from.x, from.y - bend}, {to.x, to.y + bend}, to);
}

}  // namespace

double Frame::row_y(std::uint32_t row) const {
  std::uint32_t at = row;
  if (rows_folded() && row >= o_.first_rows)
    at = row >= l_.rows - o_.last_rows ? row - (l_.rows - o_.last_rows) + o_.first_rows + 1 : o_.first_rows;
  return bottom() - (at + 0.5) * row_pitch;
}

std::vector<Route> Frame::routes_into(std::uint32_t node) const {
  std::vector<Route> routes;
  if (!visible(node)) return routes;
  std::vector<std::uint32_t> sources;
  for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[node])) {
    const std::uint32_t from = p_.drawn_as[input];
    if (p_.is_drawn(from) && visible(from)) sources.push_back(from);
  }
  std::sort(sources.begin(), sources.end());
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());

  std::vector<std::pair<double, std::uint32_t>> rising;
  for (const std::uint32_t from : sources) {
    if (runs_sideways(from, node))
      routes.push_back(sideways(from, node));
    else
      rising.push_back({approach(from, node), from});
  }
  std::sort(rising.begin(), rising.end());
  const double count = static_cast<double>(rising.size());
  const double gap = std::min(entry_gap, (l_.width[node] - 16) / std::max(1.0, count));
  for (std::size_t k = 0; k < rising.size(); ++k)
    routes.push_back(rise(rising[k].second, node, (static_cast<double>(k) - (count - 1) / 2) * gap));
  return routes;
}

// Between cells, and between a lane and a bar, which do not stand above one another.
bool Frame::runs_sideways(std::uint32_t from, std::uint32_t to) const {
  if (p_.in_cell(from) && p_.in_cell(to)) return p_.cell[from] != p_.cell[to];
  if (p_.in_cell(from)) return !p_.in_column(from);
  return p_.in_cell(to) && !p_.in_column(to);
}

// From where an edge comes up to its node.
double Frame::approach(std::uint32_t from, std::uint32_t to) const {
  double at = x(from);
  if (p_.in_cell(from) || p_.in_cell(to))
    for (const Layout::Waypoint& w : l_.ways_of(from, p_.in_cell(to) ? p_.cell[to] : p_.cell[from]))
      if (w.row < l_.row[to]) at = origin_.x + w.x;
  return at;
}

Route Frame::begin(std::uint32_t from, std::uint32_t to, Point start) const {
  const bool steps = p_.in_column(from) && p_.in_column(to) && p_.cell[from] != p_.cell[to];
  return {from,
          steps || p_.stands_for[from] != Placement::nowhere,
          !graph_.nodes[from].has(GraphNode::needs_grad),
          {start},
          false};
}

Route Frame::rise(std::uint32_t from, std::uint32_t to, double entry) const {
  const bool from_bar = p_.cell[from] == Placement::bar;
  const bool to_bar = p_.cell[to] == Placement::bar;
  double start = x(from);
  double end = x(to) + entry;
  std::vector<Point> ways;
  if (from_bar && to_bar) {
    start = end = std::clamp(x(to), left(from) + 8, right(from) - 8);
  } else {
    const std::uint32_t cell = from_bar ? p_.cell[to] : p_.cell[from];
    if (from_bar) start = x(to);
    for (const Layout::Waypoint& w : l_.ways_of(from, cell)) {
      if (from_bar && w.row == l_.row[from])
        start = origin_.x + w.x;
      else if (w.row > l_.row[from] && w.row < l_.row[to] && l_.row_visible(w.row, o_))
        ways.push_back({origin_.x + w.x, row_y(w.row)});
    }
    if (to_bar) {
      end = start;
      for (const Layout::Waypoint& w : l_.ways_of(to, cell))
        if (w.row == l_.row[to]) end = origin_.x + w.x;
    }
  }
  Route route = begin(from, to, {start, y(from) - half});
  for (const Point& way : ways) {
    curve_up(route.points, {way.x, way.y + half});
    straight(route.points, {way.x, way.y - half});
  }
  curve_up(route.points, {end, y(to) + half + arrow});
  return route;
}

void Frame::find_outermost() {
  for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
    if (!visible(i) || !p_.in_cell(i)) continue;
    const auto [at, fresh] = outermost_.try_emplace(std::uint64_t{p_.cell[i]} << 32 | l_.row[i], i, i);
    if (l_.x[i] < l_.x[at->second.first]) at->second.first = i;
    if (l_.x[i] > l_.x[at->second.second]) at->second.second = i;
  }
}

bool Frame::is_outermost(std::uint32_t node, bool rightwards) const {
  const auto at = outermost_.find(std::uint64_t{p_.cell[node]} << 32 | l_.row[node]);
  return at != outermost_.end() && (rightwards ? at->second.second : at->second.first) == node;
}

// Whether no box and no fold stands between two nodes of one row.
bool Frame::is_free_between(std::uint32_t from, std::uint32_t to) const {
  const bool rightwards = x(from) < x(to);
  if (!is_outermost(from, rightwards) || !is_outermost(to, !rightwards)) return false;
  const auto [first, last] = std::minmax(p_.cell[from], p_.cell[to]);
  for (std::uint32_t c = first + 1; c < last; ++c)
    if (l_.cells[c].fold || outermost_.contains(std::uint64_t{c} << 32 | l_.row[from])) return false;
  return true;
}

// Level but between `out` and `in`, where nothing stands.
void Frame::through_gap(std::vector<Point>& points, Point end, double out, double in) const {
  const double y = points.back().y;
  if (std::abs(y - end.y) < 0.5) return straight(points, end);
  if (std::abs(out - points.back().x) > 0.5) straight(points, {out, y});
  const double bend = (in - out) * (std::abs(end.y - y) > row_pitch ? 0.9 : 0.6);
  curve(points, {out + bend, y}, {in - bend, end.y}, {in, end.y});
  if (std::abs(in - end.x) > 0.5) straight(points, end);
}

Route Frame::sideways(std::uint32_t from, std::uint32_t to) const {
  const bool rightwards = x(from) < x(to);
  const double sign = rightwards ? 1 : -1;
  const Point end{(rightwards ? left(to) : right(to)) - sign * arrow, y(to)};
  Route route = begin(from, to, {rightwards ? right(from) : left(from), y(from)});
  const Point start = route.points[0];
  const bool output = p_.in_cell(to) && !p_.in_column(to) && l_.row[to] > l_.row[from];
  if (output && !is_outermost(to, !rightwards)) {  // of the last step: out to the side, then up
    curve(route.points, {x(to) - sign * 10, start.y}, {x(to), start.y - 4}, {x(to), y(to) + half + arrow});
    return route;
  }
  route.level = std::abs(start.y - end.y) < 0.5 && p_.in_cell(from) && p_.in_cell(to) && is_free_between(from, to);
  double out = start.x, in = end.x;
  const auto side = [&](std::uint32_t node, bool right_side) {
    return cell_left(p_.cell[node]) + (right_side ? cell_width(p_.cell[node]) : 0);
  };
  if (is_outermost(from, rightwards)) out = side(from, rightwards);
  if (is_outermost(to, !rightwards)) in = side(to, !rightwards) - sign * arrow;
  through_gap(route.points, end, out, in);
  return route;
}

void Frame::fold_routes_into(std::uint32_t node, std::vector<FoldRoute>& routes) const {
  if (!p_.in_column(node)) return;
  const std::uint32_t to_cell = p_.cell[node];
  for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[node])) {
    const std::uint32_t from = p_.drawn_as[input];
    if (!p_.in_column(from) || visible(from) == visible(node)) continue;
    // Only what passes the border itself: neighbours in time.
    const bool rightwards = p_.cell[from] + 1 == to_cell;
    if (!rightwards && p_.cell[from] != to_cell + 1) continue;
    const bool enters = visible(from);
    const std::uint32_t shown = enters ? from : node;
    std::uint32_t fold = enters ? to_cell : p_.cell[from];
    if (l_.cells[fold].visible) continue;  // a row that was full, not a folded step
    while (!l_.cells[fold].fold) --fold;
    const bool at_left = enters == rightwards;  // the shown node stands to the fold's left
    const double border = cell_left(fold) + (at_left ? 0 : cell_width(fold));
    // Inside the fold the value stays at the height of the node that made it.
    const Point outer{at_left ? right(shown) : left(shown), y(shown)};
    const Point inner{border, y(from)};
    FoldRoute route{fold, enters, {enters ? outer : inner}};
    Point end = enters ? inner : outer;
    end.x -= rightwards ? arrow : -arrow;
    const std::uint32_t cell = p_.cell[shown];
    const double edge = cell_left(cell) + (at_left ? cell_width(cell) : 0);
    const bool free = is_outermost(shown, at_left);
    const double node_side = free ? edge : outer.x;
    through_gap(route.points, end, enters ? node_side : border,
                enters ? end.x
                : free ? edge + (end.x - outer.x)
                       : end.x);
    routes.push_back(route);
  }
}

}  // namespace unspool::detail
