// NodePainter: boxes with their letters, and the style sheet of the views that have them.
#pragma once

#include "dump/frame.hpp"
#include "dump/views/legend.hpp"

namespace unspool::detail {

class NodePainter {
 public:
  NodePainter(SvgCanvas& canvas, const Graph& graph, const GraphStyle& style, const std::vector<Role>& roles)
      : canvas_(canvas), graph_(graph), roles_(roles), fill_(graph, style.color) {}

  std::string sheet() const;
  /// #a of edges, #c of what is carried from step to step, #g of gradients.
  void arrow_heads();
  /// A textbook's letter in a box's corner, with the step as index; 0: none.
  struct Symbol {
    char letter = 0;
    std::int64_t step = 0;
  };
  /// The box of a node with its middle.
  void draw(std::uint32_t node, double x, double y, double width, Symbol symbol);
  const NodeFill& fill() const { return fill_; }

  /// Straight where a curve would be.
  static std::string path_text(const std::vector<Point>& points);

 private:
  void arrow_head(const char* id, const char* color);

  SvgCanvas& canvas_;
  const Graph& graph_;
  const std::vector<Role>& roles_;
  NodeFill fill_;
};

}  // namespace unspool::detail
