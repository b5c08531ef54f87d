// Cell layout: x positions of the nodes of one step. Equal steps share one computation.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace unspool::detail {

/// What the positions of one cell depend on, and nothing else.
struct CellGraph {
  struct Node {
    std::uint32_t row;
    std::int16_t side;  ///< -1: wants to stand at the left of its row, 1: at the right
    std::uint16_t width;
  };
  struct Edge {
    std::uint32_t from;
    std::uint32_t to;
  };
  std::vector<Node> nodes;
  std::vector<Edge> edges;  ///< each from a lower row to a higher one
};

struct CellLayout {
  /// Room kept for an edge that passes a row on its way further up; the edges of one node share it.
  struct Waypoint {
    std::uint32_t node;
    double x;
    std::uint32_t row;
  };
  std::vector<double> x;  ///< centres, the leftmost node's left edge at 0
  double width = 0;
  std::vector<Waypoint> waypoints;
};

CellLayout lay_out_cell(const CellGraph& cell, double gap);

/// Remembers what was laid out.
class Stamps {
 public:
  const CellLayout& lay_out(const CellGraph& cell, double gap);
  std::size_t size() const { return stamps_.size(); }

 private:
  std::unordered_map<std::string, CellLayout> stamps_;
};

}  // namespace unspool::detail
