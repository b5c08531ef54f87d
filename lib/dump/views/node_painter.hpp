// NodePainter: boxes with their letters and parameter marks, and the style sheet of the views that have them.
#pragma once

#include "dump/frame.hpp"
#include "dump/views/legend.hpp"

namespace unspool::detail {

class NodePainter {
 public:
  NodePainter(SvgCanvas& canvas, const Graph& graph, const GraphStyle& style, const Placement& placement,
              const std::vector<Role>& roles, const std::vector<std::int64_t>& uses)
      : canvas_(canvas),
        graph_(graph),
        style_(style),
        placement_(placement),
        roles_(roles),
        uses_(uses),
        fill_(graph, style.color) {}

  std::string sheet() const;
  /// #a of edges, #c of what is carried from step to step, #g of gradients.
  void arrow_heads();
  /// The box of a node with its middle.
  void draw(std::uint32_t node, double x, double y, double width);
  const NodeFill& fill() const { return fill_; }

  /// Straight where a curve would be.
  static std::string path_text(const std::vector<Point>& points);

 private:
  void arrow_head(const char* id, const char* color);
  void draw_badges(std::uint32_t node, double x, double y, double width);

  SvgCanvas& canvas_;
  const Graph& graph_;
  const GraphStyle& style_;
  const Placement& placement_;
  const std::vector<Role>& roles_;
  const std::vector<std::int64_t>& uses_;
  NodeFill fill_;
};

}  // namespace unspool::detail
