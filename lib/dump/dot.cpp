// The graph in the DOT language, every node, with the positions and curves of our own layout: `neato -n2` draws it as
// it is. A general layout of an unrolled graph takes minutes; this takes as long as writing it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dump/attr_text.hpp"
#include "dump/escape.hpp"
#include "dump/frame.hpp"
#include "dump/printer.hpp"
#include "dump/views/legend.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {
namespace {

using namespace detail;

constexpr std::int64_t few_steps = 8;  // up to here parameters are nodes, unless the caller says otherwise ...
constexpr std::int64_t few_uses = 48;  // ... or they would have more edges than this
constexpr double parameter_gap = 24;

class DotWriter : Printer {
 public:
  DotWriter(const Graph& graph, const GraphStyle& style)
      : graph_(graph),
        placement_(place(graph)),
        frame_(graph, placement_, {}, {0, 0}),
        roles_(find_roles(graph, placement_)),
        theme_(theme_of(style.theme)),
        fill_(graph, style.color),
        parameter_nodes_(draws_parameters(style)) {}

  std::string run() {
    put("digraph unspool {{\n"
        "graph [bgcolor=\"{}\", fontname=\"Helvetica\", fontsize=12, fontcolor=\"{}\", outputorder=edgesfirst]\n"
        "node [shape=box, style=\"rounded,filled\", fillcolor=\"{}\", color=\"{}\", fontcolor=\"{}\", "
        "fontname=\"Helvetica\", fontsize=11, height={}]\n"
        "edge [color=\"{}\", arrowsize=0.6]\n",
        full(theme_.paper), full(theme_.soft), full(theme_.op), full(theme_.op_line), full(theme_.ink),
        inches(Frame::node_height), full(theme_.line));
    const std::uint32_t cells = static_cast<std::uint32_t>(placement_.cells.size());
    const Groups members = group(placement_.cell, cells);
    for (std::uint32_t c = 0; c < cells; ++c) cell(c, members.of(c));
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (placement_.cell[i] == Placement::bar) node(i);
    if (parameter_nodes_) parameters();
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (placement_.is_drawn(i)) edges(i);
    put("}}\n");
    return text();
  }

 private:
  // DOT knows no colours of three digits.
  static std::string full(std::string_view color) {
    if (color.size() != 4) return std::string(color);
    return {'#', color[1], color[1], color[2], color[2], color[3], color[3]};
  }
  static double inches(double pixels) { return pixels / 72; }
  static long whole(double pixels) { return std::lround(pixels); }

  bool draws_parameters(const GraphStyle& style) const {
    if (style.parameters != ParameterStyle::automatic) return style.parameters == ParameterStyle::nodes;
    std::int64_t columns = 0;
    for (const Placement::Cell& c : placement_.cells) columns += c.is_column() ? 1 : 0;
    const std::vector<std::int64_t> uses = parameter_uses(graph_, placement_);
    return columns <= few_steps && std::accumulate(uses.begin(), uses.end(), std::int64_t{0}) <= few_uses;
  }

  void cell(std::uint32_t c, std::span<const std::uint32_t> members) {
    const Placement::Cell& place = placement_.cells[c];
    if (place.is_column()) {
      const std::string block = place.block == 0 ? "" : fmt::format("b{}_", place.block);
      const double left = frame_.cell_left(c) - 16;
      const double right = frame_.cell_left(c) + frame_.cell_width(c) + 16;
      put("subgraph cluster_{}t{} {{\nlabel=\"t = {}\"; style=\"rounded,filled\"; fillcolor=\"{}\"; "
          "color=\"{}\"; bb=\"{},{},{},{}\"; lp=\"{},{}\"\n",
          block, place.step, place.step, full(theme_.column), full(theme_.grid), whole(left),
          whole(-frame_.bottom() - 24), whole(right), whole(-frame_.top()), whole((left + right) / 2),
          whole(-frame_.bottom() - 12));
    }
    for (const std::uint32_t i : members) node(i);
    if (place.is_column()) put("}}\n");
  }

  void node(std::uint32_t i) {
    const char* const fills[] = {theme_.op, theme_.input, theme_.constant, theme_.state, theme_.loss};
    const char* const lines[] = {theme_.op_line, theme_.input_line, theme_.constant_line, theme_.state_line,
                                 theme_.loss_line};
    const GraphNode& n = graph_.nodes[i];
    put("n{} [label=\"{}\\n{}", i, escape_dot(graph_.op_name(n)), shape_text(graph_, n));
    if (!parameter_nodes_) badges(i);
    put("\", pos=\"{},{}!\", width={:.3f}", whole(frame_.x(i)), whole(-frame_.y(i)), inches(frame_.layout().width[i]));
    const int role = static_cast<int>(roles_[i]);
    const NodeFill::Paint paint = fill_.of(i);
    if (!paint.fill.empty())
      put(", fillcolor=\"{}\", fontcolor=\"{}\"", paint.fill, full(paint.letters));
    else if (role != 0 && !fill_.plain())
      put(", fillcolor=\"{}\", color=\"{}\"", full(fills[role]), full(lines[role]));
    put(", tooltip=\"{}\"]\n", tooltip(describe_node(graph_, i)));
  }

  void badges(std::uint32_t i) {
    const char* comma = "\\n";
    for (const std::uint32_t k : parameters_of(graph_, placement_, i)) {
      put("{}{}", comma, escape_dot(short_name(graph_.parameters[k].name, 16)));
      comma = ", ";
    }
  }

  // Line ends stay line ends.
  static std::string tooltip(std::string_view text) {
    std::string out;
    while (true) {
      const std::size_t end = text.find('\n');
      out += escape_dot(text.substr(0, end));
      if (end == std::string_view::npos) return out;
      out += "\\n";
      text.remove_prefix(end + 1);
    }
  }

  // A lane of their own below the first steps.
  void parameters() {
    if (graph_.parameters.empty()) return;
    const double y = -frame_.bottom() - 24 - Frame::row_pitch;
    const double pitch = frame_.options().node_width + parameter_gap;
    const double count = static_cast<double>(graph_.parameters.size());
    const double first = (frame_.layout().width_total - (count - 1) * pitch) / 2;
    put("subgraph cluster_parameters {{\nlabel=\"\"; style=\"rounded,filled\"; fillcolor=\"{}\"; "
        "color=\"{}\"; "
        "bb=\"{},{},{},{}\"\n",
        full(theme_.column), full(theme_.grid), whole(first - pitch / 2), whole(y - 28),
        whole(first + (count - 0.5) * pitch), whole(y + 28));
    const std::vector<std::int64_t> uses = parameter_uses(graph_, placement_);
    for (std::uint32_t k = 0; k < graph_.parameters.size(); ++k) {
      const GraphParameter& p = graph_.parameters[k];
      put("n{} [label=\"{}\\n{}\", pos=\"{},{}!\", width={:.3f}, style=filled, fillcolor=\"{}\", "
          "color=white, fontcolor=white, tooltip=\"{}\"]\n",
          p.node, escape_dot(short_name(p.name, 16)), shape_text(graph_, graph_.nodes[p.node]),
          whole(first + k * pitch), whole(y), inches(frame_.options().node_width), parameter_color(k),
          tooltip(describe_parameter(graph_, k, uses[k])));
    }
    put("}}\n");
  }

  // One edge for each source, however often it is read.
  void edges(std::uint32_t to) {
    for (const Route& route : frame_.routes_into(to)) {
      put("n{} -> n{} [", route.from, to);
      if (route.carries) put("color=\"{}\", penwidth=1.8, ", full(theme_.carry));
      if (!route.carries && route.constant) put("color=\"{}\", ", full(theme_.pale));
      put("pos=\"e,{}", point(tip(to, route)));
      for (const Point& p : route.points) put(" {}", point(p));
      put("\"]\n");
    }
    if (!parameter_nodes_) return;
    for (const std::uint32_t k : parameters_of(graph_, placement_, to))
      put("n{} -> n{} [color=\"{}80\", style=dashed]\n", graph_.parameters[k].node, to, parameter_color(k));
  }

  static std::string point(const Point& p) { return fmt::format("{},{}", whole(p.x), whole(-p.y)); }

  // Where the arrow's tip touches the box: as far from the curve's end as the frame left free, in its direction.
  Point tip(std::uint32_t to, const Route& route) const {
    const Point& end = route.points.back();
    if (end.y > frame_.y(to) + Frame::half) return {end.x, end.y - Frame::arrow};
    return {end.x + (end.x < frame_.x(to) ? Frame::arrow : -Frame::arrow), end.y};
  }

  const Graph& graph_;
  Placement placement_;
  Frame frame_;
  std::vector<Role> roles_;
  const Theme& theme_;
  NodeFill fill_;
  bool parameter_nodes_;
};

}  // namespace

std::string graph_dot(const Graph& graph, const GraphStyle& style) {
  if (!style.scope.empty()) {
    GraphStyle rest = style;
    rest.scope.clear();
    return graph_dot(select_scope(graph, style.scope), rest);
  }
  const Graph drawn = as_drawn(with_found_steps(graph), style.fold_views);
  return style.steps.empty() ? DotWriter(drawn, style).run() : DotWriter(keep_steps(drawn, style.steps), style).run();
}

}  // namespace unspool
