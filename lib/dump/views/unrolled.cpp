// The unrolled view: time to the right, inputs below, states in the middle, outputs and losses above.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/check.hpp"
#include "dump/views/node_painter.hpp"
#include "dump/views/views.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool::detail {
namespace {

constexpr double margin = 28;
constexpr double half = Frame::half;
constexpr double header = 26;  // a column's label
constexpr double lane_pitch = 20;

class UnrolledView {
 public:
  UnrolledView(const Graph& graph, const GraphStyle& style)
      : graph_(graph),
        style_(style),
        canvas_(style.theme),
        placement_(place(graph, style.fold_views)),
        roles_(find_roles(graph, placement_)),
        uses_(parameter_uses(graph, placement_)),
        painter_(canvas_, graph, style, placement_, roles_, uses_),
        frame_(graph, placement_, options(graph, placement_, style),
               {margin, margin + (style.title.empty() ? 0 : SvgCanvas::title_height)}) {
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
    if (style_.parameters == ParameterStyle::nodes) draw_parameter_nodes();
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (frame_.visible(i)) painter_.draw(i, frame_.x(i), frame_.y(i), frame_.layout().width[i]);
    draw_symbols();
    draw_folded_rows();
    if (style_.parameters == ParameterStyle::lane) draw_lanes();
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
      return axis_y() + 16 + lane_pitch * static_cast<double>(graph_.parameters.size());
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
    for (FoldRoute r : folded) {
      if (backward) {
        std::swap(r.start, r.end);
        r.start.x += r.rightwards ? Frame::arrow : -Frame::arrow;
        r.end.x += r.rightwards ? Frame::arrow : -Frame::arrow;
        r.rightwards = !r.rightwards;
      }
      const double bend = r.rightwards ? 30 : -30;
      std::string path =
          fmt::format("<path class=\"{}\" d=\"M{:.0f} {:.0f}C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}\"/>\n",
                      backward ? "back" : "carry", r.start.x, r.start.y, r.start.x + bend, r.start.y, r.end.x - bend,
                      r.end.y, r.end.x, r.end.y);
      if (r.enters)
        path += fmt::format("<path class=\"through\" d=\"M{:.0f} {:.0f}H{:.0f}\"/>\n", frame_.cell_left(r.fold),
                            backward ? r.start.y : r.end.y, frame_.cell_left(r.fold) + frame_.cell_width(r.fold));
      if (drawn.insert(path).second) put("{}", path);
    }
  }

  void draw_route(const Route& route) {
    const double norm = graph_.nodes[route.from].gradient_norm;
    const double width = norms_.known() && norm > 0 ? 1.2 + 3.3 * norms_.share(norm) : 1.2;
    if (style_.phase == GraphPhase::backward) {
      if (route.constant) return;
      std::vector<Point> p(route.points.rbegin(), route.points.rend());
      // The arrow's room changes ends.
      step_towards(p.front(), p[1], -Frame::arrow);
      step_towards(p.back(), p[p.size() - 2], Frame::arrow);
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

  // A line below the steps for every parameter, with a tap under every column that reads it.
  void draw_lanes() {
    std::set<std::pair<std::uint32_t, long>> taps;
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (frame_.visible(i))
        for (const std::uint32_t k : parameters_of(graph_, placement_, i)) {
          const bool column = placement_.in_cell(i);
          const std::uint32_t c = placement_.cell[i];
          taps.insert({k, std::lround(column ? frame_.cell_left(c) + frame_.cell_width(c) / 2 : frame_.x(i))});
        }
    for (std::uint32_t k = 0; k < graph_.parameters.size(); ++k) {
      const double y = axis_y() + 18 + lane_pitch * k;
      canvas_.line(margin, y, width_ - margin, y, parameter_color(k), 2);
      for (const auto& [parameter, x] : taps)
        if (parameter == k)
          put("<circle cx=\"{}\" cy=\"{:.0f}\" r=\"4.5\" fill=\"{}\" stroke=\"{}\"/>\n", x, y, parameter_color(k),
              theme().paper);
      Legend::badge(canvas_, graph_, uses_, k, margin, y - Legend::badge_height / 2,
                    shorten(graph_.parameters[k].name, 24));
    }
  }

  // Below the axis, with a dashed edge to every reader.
  void draw_parameter_nodes() {
    const std::size_t count = graph_.parameters.size();
    const double pitch = (width_ - 2 * margin) / static_cast<double>(std::max<std::size_t>(1, count));
    const double y = axis_y() + 40;
    const auto x_of = [&](std::uint32_t k) { return margin + (k + 0.5) * pitch; };
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!frame_.visible(i)) continue;
      for (const std::uint32_t k : parameters_of(graph_, placement_, i)) {
        const double to = frame_.y(i) + half;
        put("<path d=\"M{0:.0f} {1:.0f}C{0:.0f} {2:.0f} {3:.0f} {4:.0f} {3:.0f} {5:.0f}\" fill=\"none\" "
            "stroke=\"{6}\" stroke-opacity=\".6\" stroke-dasharray=\"4 3\"/>\n",
            x_of(k), y - 14, y - 70, frame_.x(i), to + 50, to + 2, parameter_color(k));
      }
    }
    for (std::uint32_t k = 0; k < count; ++k) {
      const std::string name = shorten(graph_.parameters[k].name, static_cast<std::size_t>(pitch / 6.2));
      Legend::badge(canvas_, graph_, uses_, k, x_of(k) - Legend::badge_width(name) / 2, y - Legend::badge_height, name);
    }
  }

  // The letters of textbooks: x for what enters below a state, h for a state, c for the one that an LSTM keeps beside it,
  // L for a loss of the step's own.
  void draw_symbols() {
    if (painter_.fill().scaled()) return;
    std::vector<std::uint32_t> lowest(placement_.cells.size(), ~0u);                       // row of the lowest state
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> states;  // by cell and scope
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!frame_.visible(i) || !placement_.in_column(i) || roles_[i] != Role::state) continue;
      const std::uint32_t c = placement_.cell[i];
      lowest[c] = std::min(lowest[c], frame_.layout().row[i]);
      states[{c, graph_.nodes[i].scope}].push_back(i);
    }
    for (const auto& [where, list] : states)
      for (const std::uint32_t i : list) draw_symbol(i, list.size() == 2 && i == list[0] ? "c" : "h");
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!frame_.visible(i) || !placement_.in_column(i)) continue;
      const std::uint32_t state = lowest[placement_.cell[i]];
      if (roles_[i] == Role::input && state != ~0u && frame_.layout().row[i] < state) draw_symbol(i, "x");
      if (roles_[i] == Role::loss && !sums_up(i)) draw_symbol(i, "L");
    }
  }
  void draw_symbol(std::uint32_t i, const char* letter) {
    put("<text class=\"symbol\" x=\"{:.0f}\" y=\"{:.0f}\" fill=\"{}\">{}<tspan dy=\"3\">{}</tspan></text>\n",
        frame_.left(i) + 6, frame_.y(i) - half + 14, theme().soft, letter, placement_.cells[placement_.cell[i]].step);
  }
  bool sums_up(std::uint32_t i) const {
    for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i]))
      if (roles_[placement_.drawn_as[input]] == Role::loss) return true;
    return false;
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
  LogScale norms_;
  Legend legend_;
  double width_ = 0;
};

}  // namespace

std::string unrolled_view(const Graph& graph, const GraphStyle& style) { return UnrolledView(graph, style).run(); }

}  // namespace unspool::detail
