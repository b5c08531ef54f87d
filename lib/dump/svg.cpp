// The graph as a picture: time to the right, inputs below, states in the middle, outputs and losses above.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/check.hpp"
#include "dump/attr_text.hpp"
#include "dump/escape.hpp"
#include "dump/frame.hpp"

namespace unspool {
namespace {

using namespace detail;

constexpr double margin = 28;
constexpr double half = Frame::half;
constexpr double header = 26;  // a column's label
constexpr double title_height = 34;
constexpr double legend_row = 26;
constexpr double badge_height = 14;

constexpr const char* sheet = R"(
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#263238;text-anchor:middle}
.title{font-size:15px;font-weight:600;text-anchor:start}.name{font-size:12px;font-weight:500}
.shape{font-size:9.5px;fill:#607d8b}.step{font-size:12px;fill:#546e7a}.fold{font-size:11px;fill:#546e7a}
.badge{font-size:9.5px;font-weight:600;fill:#fff}.legend{font-size:11px;text-anchor:start;fill:#455a64}
.more{font-size:10px;fill:#78909c}.lane{fill:#f5f7f9}.folded{fill:#fafbfc;stroke:#cfd8dc;stroke-dasharray:3 4}
.flow,.carry,.through,.axis{fill:none;stroke:#78909c;stroke-width:1.3}.flow,.axis{marker-end:url(#a)}
.const{stroke:#b0bec5}.carry{stroke:#1e78c8;stroke-width:2;marker-end:url(#c)}
.through{stroke:#1e78c8;stroke-width:2;stroke-dasharray:1 6;stroke-linecap:round}
.op{fill:#fff;stroke:#90a4ae}.input{fill:#e6f4ea;stroke:#43a047}.constant{fill:#f5f5f5;stroke:#b0bec5}
.state{fill:#dbeafb;stroke:#1e78c8;stroke-width:2}.loss{fill:#fff0dc;stroke:#ef8a17}
)";

double text_width(std::string_view text, double size) { return 0.6 * size * static_cast<double>(text.size()); }

class SvgWriter {
 public:
  SvgWriter(const Graph& graph, const GraphStyle& style)
      : graph_(graph),
        style_(style),
        placement_(place(graph, style.fold_views)),
        roles_(find_roles(graph, placement_)),
        uses_(parameter_uses(graph, placement_)),
        frame_(graph, placement_, options(style), {margin, margin + (style.title.empty() ? 0 : title_height)}) {}

  std::string run() {
    const double least = std::max(320.0, text_width(style_.title, 15));
    width_ = 2 * margin + std::max(least, frame_.layout().width_total);
    place_legend();
    const double height = axis_y() + (legend_.empty() ? 0 : 18 + legend_rows_ * legend_row) + margin;
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "viewBox=\"0 0 {0:.0f} {1:.0f}\">\n<style>{2}</style>\n",
        width_, height, sheet);
    arrow_head("a", "#78909c");
    arrow_head("c", "#1e78c8");
    put("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
    if (!style_.title.empty())
      put("<text class=\"title\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n", margin, margin + 8, escape_xml(style_.title));
    draw_columns();
    draw_edges();
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (frame_.visible(i)) draw_node(i);
    draw_folded_rows();
    draw_legend();
    put("</svg>\n");
    return fmt::to_string(out_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
  }

  static LayoutOptions options(const GraphStyle& style) {
    require(style.first_steps >= 0 && style.last_steps >= 0, ErrorCode::bad_argument, "graph_svg",
            "first_steps and last_steps must not be negative; given {} and {}", style.first_steps, style.last_steps);
    LayoutOptions o;
    o.first_steps = style.first_steps;
    o.last_steps = style.last_steps;
    o.first_rows = 24;
    o.last_rows = 12;
    o.row_nodes = 12;
    return o;
  }

  bool has_columns() const { return placement_.cells.size() > 1; }
  double axis_y() const { return frame_.bottom() + (has_columns() ? header + 14 : 0); }

  void arrow_head(const char* id, const char* color) {
    put("<marker id=\"{}\" viewBox=\"0 0 8 8\" refX=\"3\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
        "markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0.5L8 4L0 7.5z\" fill=\"{}\"/></marker>\n",
        id, color);
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
    for (const FoldRoute& r : folded) {
      const double bend = r.rightwards ? 30 : -30;
      std::string path =
          fmt::format("<path class=\"carry\" d=\"M{:.0f} {:.0f}C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}\"/>\n",
                      r.start.x, r.start.y, r.start.x + bend, r.start.y, r.end.x - bend, r.end.y, r.end.x, r.end.y);
      if (r.enters)
        path += fmt::format("<path class=\"through\" d=\"M{:.0f} {:.0f}H{:.0f}\"/>\n", frame_.cell_left(r.fold),
                            r.end.y, frame_.cell_left(r.fold) + frame_.cell_width(r.fold));
      if (drawn.insert(path).second) put("{}", path);
    }
  }

  void draw_route(const Route& route) {
    const std::vector<Point>& p = route.points;
    put("<path class=\"{}\" d=\"M{:.0f} {:.0f}",
        route.carries    ? "carry"
        : route.constant ? "flow const"
                         : "flow",
        p[0].x, p[0].y);
    for (std::size_t k = 1; k + 2 < p.size(); k += 3) {
      const bool upright = p[k - 1].x == p[k + 2].x;
      if (upright || p[k - 1].y == p[k + 2].y)
        put("L{:.0f} {:.0f}", p[k + 2].x, p[k + 2].y);
      else
        put("C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}", p[k].x, p[k].y, p[k + 1].x, p[k + 1].y, p[k + 2].x,
            p[k + 2].y);
    }
    put("\"/>\n");
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

  void draw_node(std::uint32_t i) {
    static constexpr const char* classes[] = {"op", "input", "constant", "state", "loss"};
    const GraphNode& n = graph_.nodes[i];
    const double x = frame_.x(i);
    const double y = frame_.y(i);
    const double width = frame_.layout().width[i];
    const std::string& name = graph_.op_name(n);
    const double size = text_width(name, 12) < width ? 12 : 10;
    const std::size_t room = static_cast<std::size_t>(width / text_width("x", size));
    put("<g><title>{}</title><rect class=\"{}\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" "
        "rx=\"{}\"/>",
        escape_xml(describe_node(graph_, i)), classes[static_cast<int>(roles_[i])], frame_.left(i), y - half, width,
        Frame::node_height, n.input_count == 0 ? 18 : 6);
    put("<text class=\"name\" style=\"font-size:{}px\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>", size, x, y - 2,
        escape_xml(shorten(name, room)));
    put("<text class=\"shape\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text></g>\n", x, y + 10,
        escape_xml(shorten(shape_text(graph_, n), static_cast<std::size_t>(width / 5.7))));
    draw_badges(i);
  }

  // Marks at the lower edge, from the right: names as long as there is room for, else their last parts, else dots.
  void draw_badges(std::uint32_t i) {
    const std::vector<std::uint32_t> read = parameters_of(graph_, placement_, i);
    const double room = frame_.layout().width[i] + 12;
    std::vector<std::string> names;
    for (const std::size_t limit : {13, 9, 6, 0}) {
      names.clear();
      double needed = 0;
      for (const std::uint32_t k : read) {
        names.push_back(limit == 0 ? "" : short_name(graph_.parameters[k].name, limit));
        needed += badge_width(names.back()) + 2;
      }
      if (needed <= room) break;
    }
    double right = frame_.right(i) + 6;
    for (std::size_t k = read.size(); k-- > 0;) {
      const double width = badge_width(names[k]);
      badge(read[k], right - width, frame_.y(i) + half - 5, width, names[k]);
      right -= width + 2;
    }
  }

  static double badge_width(std::string_view name) {
    return name.empty() ? badge_height : std::max(18.0, 12 + text_width(name, 9.5));
  }

  void badge(std::uint32_t parameter, double x, double y, double width, std::string_view name) {
    put("<g><title>{}</title><rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"7\" fill=\"{}\" "
        "stroke=\"#fff\"/>",
        escape_xml(describe_parameter(graph_, parameter, uses_[parameter])), x, y, width, badge_height,
        parameter_color(parameter));
    if (!name.empty())
      put("<text class=\"badge\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>", x + width / 2, y + 10.5, escape_xml(name));
    put("</g>\n");
  }

  void draw_folded_rows() {
    if (!frame_.rows_folded()) return;
    const double y = frame_.row_y(frame_.options().first_rows);
    put("<rect class=\"folded\" x=\"8\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"30\" rx=\"8\"/>\n"
        "<text class=\"fold\" x=\"{:.0f}\" y=\"{:.0f}\">\xE2\x8B\xAE {} rows</text>\n",
        y - 15, width_ - 16, width_ / 2, y + 4,
        frame_.layout().rows - frame_.options().first_rows - frame_.options().last_rows);
  }

  struct LegendEntry {
    std::uint32_t parameter;
    double x;
    int row;
    std::string name;
    std::string text;
  };

  void place_legend() {
    double x = margin;
    int row = 0;
    for (std::uint32_t k = 0; k < graph_.parameters.size(); ++k) {
      const GraphParameter& p = graph_.parameters[k];
      LegendEntry entry{k, x, row, shorten(p.name, 32), shape_text(graph_, graph_.nodes[p.node])};
      if (uses_[k] > 1) entry.text += fmt::format(" \xC3\x97{}", uses_[k]);
      if (!(p.gradient_norm < 0)) entry.text += fmt::format("  |grad| {}", real_text(p.gradient_norm, 3));
      const double width = badge_width(entry.name) + 6 + text_width(entry.text, 10.5) + 22;
      if (entry.x > margin && entry.x + width > width_ - margin) {
        entry.x = margin;
        entry.row = ++row;
      }
      x = entry.x + width;
      legend_.push_back(std::move(entry));
    }
    legend_rows_ = row + 1;
  }

  void draw_legend() {
    for (const LegendEntry& e : legend_) {
      const double y = axis_y() + 18 + e.row * legend_row;
      const double width = badge_width(e.name);
      badge(e.parameter, e.x, y, width, e.name);
      put("<text class=\"legend\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n", e.x + width + 6, y + 11, escape_xml(e.text));
    }
  }

  const Graph& graph_;
  const GraphStyle& style_;
  Placement placement_;
  std::vector<Role> roles_;
  std::vector<std::int64_t> uses_;
  Frame frame_;
  fmt::memory_buffer out_;
  double width_ = 0;
  std::vector<LegendEntry> legend_;
  int legend_rows_ = 0;
};

}  // namespace

std::string graph_svg(const Graph& graph, const GraphStyle& style) { return SvgWriter(graph, style).run(); }

}  // namespace unspool
