// The graph in the DOT language, every node, with the positions and curves of our own layout: `neato -n2` draws it as
// it is. A general layout of an unrolled graph takes minutes; this takes as long as writing it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dump/attr_text.hpp"
#include "dump/escape.hpp"
#include "dump/frame.hpp"

namespace unspool {
namespace {

using namespace detail;

constexpr std::int64_t few_steps = 8;  // up to here parameters are nodes, unless the caller says otherwise
constexpr double parameter_gap = 24;

class DotWriter {
 public:
  DotWriter(const Graph& graph, const GraphStyle& style)
      : graph_(graph),
        placement_(place(graph, style.fold_views)),
        frame_(graph, placement_, {}, {0, 0}),
        roles_(find_roles(graph, placement_)),
        parameter_nodes_(draws_parameters(style)) {}

  std::string run() {
    put("digraph unspool {{\n"
        "graph [bgcolor=white, fontname=\"Helvetica\", fontsize=12, fontcolor=\"#546e7a\", outputorder=edgesfirst]\n"
        "node [shape=box, style=\"rounded,filled\", fillcolor=white, color=\"#90a4ae\", fontname=\"Helvetica\", "
        "fontsize=11, height={}]\n"
        "edge [color=\"#78909c\", arrowsize=0.6]\n",
        inches(Frame::node_height));
    const std::uint32_t cells = static_cast<std::uint32_t>(placement_.cells.size());
    const Groups members = group(placement_.cell, cells);
    for (std::uint32_t c = 0; c < cells; ++c) cell(c, members.of(c));
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (placement_.cell[i] == Placement::bar) node(i);
    if (parameter_nodes_) parameters();
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (placement_.is_drawn(i)) edges(i);
    put("}}\n");
    return fmt::to_string(out_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
  }
  static double inches(double pixels) { return pixels / 72; }
  static long whole(double pixels) { return std::lround(pixels); }

  bool draws_parameters(const GraphStyle& style) const {
    if (style.parameters != ParameterStyle::automatic) return style.parameters == ParameterStyle::nodes;
    std::int64_t columns = 0;
    for (const Placement::Cell& c : placement_.cells) columns += c.is_column() ? 1 : 0;
    return columns <= few_steps;
  }

  void cell(std::uint32_t c, std::span<const std::uint32_t> members) {
    const Placement::Cell& place = placement_.cells[c];
    if (place.is_column()) {
      const std::string block = place.block == 0 ? "" : fmt::format("b{}_", place.block);
      const double left = frame_.cell_left(c) - 16;
      const double right = frame_.cell_left(c) + frame_.cell_width(c) + 16;
      put("subgraph cluster_{}t{} {{\nlabel=\"t = {}\"; style=\"rounded,filled\"; fillcolor=\"#f5f7f9\"; "
          "color=\"#e3e8eb\"; bb=\"{},{},{},{}\"; lp=\"{},{}\"\n",
          block, place.step, place.step, whole(left), whole(-frame_.bottom() - 24), whole(right), whole(-frame_.top()),
          whole((left + right) / 2), whole(-frame_.bottom() - 12));
    }
    for (const std::uint32_t i : members) node(i);
    if (place.is_column()) put("}}\n");
  }

  void node(std::uint32_t i) {
    static constexpr const char* fills[] = {"", "#e6f4ea", "#f5f5f5", "#dbeafb", "#fff0dc"};
    static constexpr const char* lines[] = {"", "#43a047", "#b0bec5", "#1e78c8", "#ef8a17"};
    const GraphNode& n = graph_.nodes[i];
    put("n{} [label=\"{}\\n{}", i, escape_dot(graph_.op_name(n)), shape_text(graph_, n));
    if (!parameter_nodes_) badges(i);
    put("\", pos=\"{},{}!\", width={:.3f}", whole(frame_.x(i)), whole(-frame_.y(i)), inches(frame_.layout().width[i]));
    const int role = static_cast<int>(roles_[i]);
    if (role != 0) put(", fillcolor=\"{}\", color=\"{}\"", fills[role], lines[role]);
    // A scope tints the letters of its nodes.
    if (n.scope != 0) put(", fontcolor=\"{}\"", parameter_color(n.scope));
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
    put("subgraph cluster_parameters {{\nlabel=\"\"; style=\"rounded,filled\"; fillcolor=\"#faf7fd\"; "
        "color=\"#e3e8eb\"; "
        "bb=\"{},{},{},{}\"\n",
        whole(first - pitch / 2), whole(y - 28), whole(first + (count - 0.5) * pitch), whole(y + 28));
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
      if (route.carries) put("color=\"#1e78c8\", penwidth=1.8, ");
      if (!route.carries && route.constant) put("color=\"#b0bec5\", ");
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
  bool parameter_nodes_;
  fmt::memory_buffer out_;
};

}  // namespace

std::string graph_dot(const Graph& graph, const GraphStyle& style) { return DotWriter(graph, style).run(); }

}  // namespace unspool
