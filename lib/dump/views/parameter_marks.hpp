// ParameterMarks: how a picture says which parameters a node reads.
#pragma once

#include "dump/frame.hpp"
#include "dump/views/legend.hpp"

namespace unspool::detail {

class ParameterMarks {
 public:
  ParameterMarks(SvgCanvas& canvas, const Graph& graph, const GraphStyle& style, const Placement& placement,
                 const std::vector<std::int64_t>& uses, const Frame& frame)
      : canvas_(canvas), graph_(graph), style_(style), placement_(placement), uses_(uses), frame_(frame) {}

  /// Badges where textbooks write a weight: on the arrow from the step before, beside the arrow from below.
  /// `carries` are arrows from the step before that the frame does not know.
  void draw_badges(std::uint32_t node, std::span<const Route> carries = {});
  /// A line from `left` to `right` for every parameter, with a tap under every column that reads it.
  void draw_lanes(double left, double right, double first_y);
  /// Nodes in a row around `y` between `left` and `right`, with a dashed edge to every reader.
  void draw_nodes(double left, double right, double y);

  static constexpr double lane_pitch = 20;

 private:
  struct Badge {
    std::uint32_t parameter;
    std::string text;
    double width;
  };
  using Badges = std::vector<Badge>;

  Badges badges_of(std::uint32_t node, bool dots) const;
  bool on_carry(const Badges& badges, double total, std::span<const Route> routes);
  void below(std::uint32_t node, const Badges& badges, const std::vector<Route>& routes);
  void row(std::span<const Badge> badges, double left, double top);

  SvgCanvas& canvas_;
  const Graph& graph_;
  const GraphStyle& style_;
  const Placement& placement_;
  const std::vector<std::int64_t>& uses_;
  const Frame& frame_;
};

}  // namespace unspool::detail
