// The unrolled view: time to the right, inputs below, states in the middle, outputs and losses above.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/check.hpp"
#include "dump/views/node_painter.hpp"
#include "dump/views/parameter_marks.hpp"
#include "dump/views/symbols.hpp"
#include "dump/views/views.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool::detail {
namespace {

constexpr double margin = 28;
constexpr double half = Frame::half;
constexpr double header = 26;  // a column's label

class UnrolledView {
 public:
  UnrolledView(const Graph& graph, const GraphStyle& style)
      : graph_(graph),
        style_(style),
        canvas_(style.theme),
        placement_(place(graph)),
        roles_(find_roles(graph, placement_)),
        uses_(parameter_uses(graph, placement_)),
        painter_(canvas_, graph, style, roles_),
        frame_(graph, placement_, options(graph, placement_, style),
               {margin, margin + (style.title.empty() ? 0 : SvgCanvas::title_height)}),
        marks_(canvas_, graph, style, placement_, uses_, frame_) {
    for (const GraphNode& n : graph.nodes) norms_.add(n.gradient_norm);
  }

  std::string run() {
    const double least = std::max(320.0, SvgCanvas::text_width(style_.title, 15));
    width_ = 2 * margin + std::max(least, frame_.layout().width_total);
    legend_.place(graph_, uses_, margin, width_ - margin);
    const bool legend = !graph_.parameters.empty();
    const double ramp = painter_.fill().scaled() ? 40 : 0;
    const double height = below() + (legend ? 18 + legend_.height() : 0) + ramp + margin;
    canvas_.begin(width_, height, style_.title, painter_.sheet());
    painter_.arrow_heads();
    draw_columns();
    draw_edges();
    if (style_.parameters == ParameterStyle::nodes) marks_.draw_nodes(margin, width_ - margin, axis_y() + 40);
    draw_nodes();
    draw_folded_rows();
    if (style_.parameters == ParameterStyle::lane) marks_.draw_lanes(margin, width_ - margin, axis_y() + 18);
    if (legend) legend_.draw(canvas_, below() + 18);
    if (painter_.fill().scaled())
      canvas_.ramp(margin, below() + (legend ? 22 + legend_.height() : 16), 180, painter_.fill().scale(),
                   painter_.fill().what());
    return canvas_.end();
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> text, Args&&... args) {
    canvas_.put(text, std::forward<Args>(args)...);
  }
  const Theme& theme() const { return canvas_.theme(); }

  static LayoutOptions options(const Graph& graph, const Placement& placement, const GraphStyle& style) {
    require(style.first_steps >= 0 && style.last_steps >= 0, ErrorCode::bad_argument, "graph_svg",
            "first_steps and last_steps must not be negative; given {} and {}", style.first_steps, style.last_steps);
    LayoutOptions o;
    o.first_steps = style.first_steps;
    o.last_steps = style.last_steps;
    o.first_rows = 24;
    o.last_rows = 12;
    o.row_nodes = 12;
    if (!style.steps.empty()) o.shown = shown_cells(placement, style.steps);
    if (style.max_nodes > 0) limit_steps(graph, placement, style.max_nodes, o);
    return o;
  }

  static std::vector<std::uint8_t> shown_cells(const Placement& placement, const std::string& text) {
    std::vector<std::int64_t> steps;
    for (const Placement::Cell& c : placement.cells)
      if (c.is_column()) steps.push_back(c.step);
    std::sort(steps.begin(), steps.end());
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
    const std::vector<std::uint8_t> wanted = select_steps(steps, text);
    std::vector<std::uint8_t> shown;
    for (const Placement::Cell& c : placement.cells) {
      const auto at = std::lower_bound(steps.begin(), steps.end(), c.step) - steps.begin();
      shown.push_back(!c.is_column() || wanted[static_cast<std::size_t>(at)] != 0);
    }
    return shown;
  }

  // As many steps as fit, more of them at the front than at the end.
  static void limit_steps(const Graph& graph, const Placement& placement, std::int64_t most, LayoutOptions& o) {
    std::int64_t columns = 0, nodes = 0;
    for (const Placement::Cell& c : placement.cells) columns += c.is_column() ? 1 : 0;
    for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) nodes += placement.in_column(i) ? 1 : 0;
    if (columns == 0) return;
    const std::int64_t each = std::max<std::int64_t>(1, nodes / columns);
    const std::int64_t fit = std::max<std::int64_t>(1, most / each);
    if (o.shown.empty() && o.first_steps + o.last_steps > fit) {
      o.first_steps = (fit + 1) / 2;
      o.last_steps = fit / 2;
    }
    std::int64_t shown = 0;
    for (std::size_t c = 0; c < o.shown.size(); ++c)
      if (placement.cells[c].is_column() && o.shown[c] != 0 && ++shown > fit) o.shown[c] = 0;
  }

  bool has_columns() const { return placement_.cells.size() > 1; }
  double axis_y() const { return frame_.bottom() + (has_columns() ? header + 14 : 0); }
  double below() const {
    if (style_.parameters == ParameterStyle::lane)
      return axis_y() + 16 + ParameterMarks::lane_pitch * static_cast<double>(graph_.parameters.size());
    return axis_y() + (style_.parameters == ParameterStyle::nodes && !graph_.parameters.empty() ? 64 : 0);
  }

  void draw_columns() {
    double axis_from = -1;
    double axis_to = 0;
    for (std::uint32_t c = 0; c < frame_.layout().cells.size(); ++c) {
      const Layout::Cell& cell = frame_.layout().cells[c];
      if (!placement_.cells[c].is_column()) {
        if (cell.hidden_nodes > 0) more_note(c);
        continue;
      }
      if (!cell.visible && !cell.fold) continue;
      const double x = frame_.cell_left(c);
      const double pad = frame_.options().column_gap / 2 - 5;
      put("<rect class=\"{}\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"8\"/>\n",
          cell.fold ? "folded" : "lane", x - (cell.fold ? 0 : pad), frame_.top(),
          cell.width + (cell.fold ? 0 : 2 * pad), frame_.bottom() - frame_.top() + header);
      column_label(c, x + cell.width / 2);
      if (cell.hidden_nodes > 0) more_note(c);
      if (axis_from < 0) axis_from = x;
      axis_to = x + cell.width;
    }
    if (axis_from >= 0) put("<path class=\"axis\" d=\"M{:.0f} {:.0f}H{:.0f}\"/>\n", axis_from, axis_y(), axis_to);
  }

  void draw_edges() {
    std::vector<FoldRoute> folded;
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!placement_.is_drawn(i)) continue;
      for (const Route& route : frame_.routes_into(i)) draw_route(route);
      frame_.fold_routes_into(i, folded);
    }
    std::set<std::string> drawn;  // a value that several nodes read enters the fold once
    const bool backward = style_.phase == GraphPhase::backward;
    for (FoldRoute& r : folded) {
      const double inside = r.enters ? r.points.back().y : r.points.front().y;
      if (backward) turn_round(r.points);
      std::string path =
          fmt::format("<path class=\"{}\" d=\"{}\"/>\n", backward ? "back" : "carry", NodePainter::path_text(r.points));
      if (r.enters)
        path += fmt::format("<path class=\"through\" d=\"M{:.0f} {:.0f}H{:.0f}\"/>\n", frame_.cell_left(r.fold), inside,
                            frame_.cell_left(r.fold) + frame_.cell_width(r.fold));
      if (drawn.insert(path).second) put("{}", path);
    }
  }

  void draw_route(const Route& route) {
    const double norm = graph_.nodes[route.from].gradient_norm;
    const double width = norms_.known() && norm > 0 ? 1.2 + 3.3 * norms_.share(norm) : 1.2;
    if (style_.phase == GraphPhase::backward) {
      if (route.constant) return;
      std::vector<Point> p = route.points;
      turn_round(p);
      put("<path class=\"back\" stroke-width=\"{:.1f}\" d=\"{}\"/>\n", width, NodePainter::path_text(p));
      return;
    }
    if (style_.phase == GraphPhase::both && !route.constant)
      put("<path class=\"band\" stroke-width=\"{:.1f}\" d=\"{}\"/>\n", 2.6 * width,
          NodePainter::path_text(route.points));
    put("<path class=\"{}\" d=\"{}\"/>\n",
        route.carries    ? "carry"
        : route.constant ? "flow const"
                         : "flow",
        NodePainter::path_text(route.points));
  }
  // The arrow's room changes ends.
  static void turn_round(std::vector<Point>& p) {
    std::reverse(p.begin(), p.end());
    step_towards(p.front(), p[1], -Frame::arrow);
    step_towards(p.back(), p[p.size() - 2], Frame::arrow);
  }
  static void step_towards(Point& p, const Point& to, double by) {
    const double length = std::hypot(to.x - p.x, to.y - p.y);
    if (length < 1e-9) return;
    p.x += (to.x - p.x) / length * by;
    p.y += (to.y - p.y) / length * by;
  }

  void column_label(std::uint32_t c, double x) {
    const double y = frame_.bottom() + 16;
    const Layout::Cell& cell = frame_.layout().cells[c];
    const std::int64_t step = placement_.cells[c].step;
    if (!cell.fold) {
      put("<text class=\"step\" x=\"{:.0f}\" y=\"{:.0f}\">t = {}</text>\n", x, y, step);
      return;
    }
    const std::int64_t last = placement_.cells[c + cell.folded - 1].step;
    put("<text class=\"fold\" x=\"{0:.0f}\" y=\"{1:.0f}\">t = {2} \xE2\x80\xA6 {3}</text>\n"
        "<text class=\"fold\" x=\"{0:.0f}\" y=\"{4:.0f}\">\xC3\x97{5}</text>\n",
        x, y, step, last, frame_.top() + 20, cell.folded);
  }

  void more_note(std::uint32_t c) {
    put("<text class=\"more\" x=\"{:.0f}\" y=\"{:.0f}\">{} more not shown</text>\n",
        frame_.cell_left(c) + frame_.layout().cells[c].width / 2, frame_.top() + 14,
        frame_.layout().cells[c].hidden_nodes);
  }

  void draw_nodes() {
    const std::vector<char> symbols = find_symbols(graph_, placement_, roles_, frame_);
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!frame_.visible(i)) continue;
      const std::int64_t step = placement_.in_cell(i) ? placement_.cells[placement_.cell[i]].step : 0;
      painter_.draw(i, frame_.x(i), frame_.y(i), frame_.layout().width[i], {symbols[i], step});
    }
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (frame_.visible(i)) marks_.draw_badges(i);
  }

  void draw_folded_rows() {
    if (!frame_.rows_folded()) return;
    const double y = frame_.row_y(frame_.options().first_rows);
    put("<rect class=\"folded\" x=\"8\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"30\" rx=\"8\"/>\n"
        "<text class=\"fold\" x=\"{:.0f}\" y=\"{:.0f}\">\xE2\x8B\xAE {} rows</text>\n",
        y - 15, width_ - 16, width_ / 2, y + 4,
        frame_.layout().rows - frame_.options().first_rows - frame_.options().last_rows);
  }

  const Graph& graph_;
  const GraphStyle& style_;
  SvgCanvas canvas_;
  Placement placement_;
  std::vector<Role> roles_;
  std::vector<std::int64_t> uses_;
  NodePainter painter_;
  Frame frame_;
  ParameterMarks marks_;
  LogScale norms_;
  Legend legend_;
  double width_ = 0;
};

}  // namespace

std::string unrolled_view(const Graph& graph, const GraphStyle& style) {
  return UnrolledView(as_drawn(graph, style.fold_views), style).run();
}

}  // namespace unspool::detail
