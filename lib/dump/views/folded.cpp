// The folded view: one step with its back edges, and on every node how its gradient fares over time.
#include <algorithm>
#include <cmath>

#include "dump/views/node_painter.hpp"
#include "dump/views/one_step.hpp"
#include "dump/views/parameter_marks.hpp"
#include "dump/views/views.hpp"

namespace unspool::detail {
namespace {

constexpr double margin = 28, lane = 15;
constexpr double chart_width = 40, chart_height = 12;
constexpr std::size_t listed = 6;

class FoldedView {
 public:
  FoldedView(const Graph& graph, const OneStep& step, const GraphStyle& style)
      : graph_(graph),
        step_(step),
        style_(style),
        canvas_(style.theme),
        placement_(place(step.graph)),
        uses_(parameter_uses(graph, place(graph))),
        painter_(canvas_, step.graph, style, step.roles),
        side_(margin + 26 + lane * static_cast<double>(step.back.size())),
        top_(margin + (style.title.empty() ? 0 : SvgCanvas::title_height) + 40 +
             lane * static_cast<double>(step.back.size())),
        frame_(step.graph, placement_, {}, {side_, top_}),
        marks_(canvas_, step.graph, style, placement_, uses_, frame_) {
    for (const std::vector<std::uint32_t>& twins : step.twins)
      for (const std::uint32_t i : twins) scale_.add(graph.nodes[i].gradient_norm);
  }

  std::string run() {
    const double right = side_ + frame_.layout().width_total;
    const double width = std::max(440.0, right + side_);
    legend_.place(graph_, uses_, margin, width - margin);
    const double notes = 18.0 * static_cast<double>(std::min(listed, step_.exceptions.size()) + 1);
    canvas_.begin(width, frame_.bottom() + 50 + legend_.height() + notes + margin, style_.title, painter_.sheet());
    painter_.arrow_heads();
    canvas_.put("<rect class=\"lane\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"8\"/>\n",
                side_ - 14, frame_.top(), frame_.layout().width_total + 28, frame_.bottom() - frame_.top() + 6);
    const std::string times = fmt::format("one step, \xC3\x97{}", step_.steps);
    canvas_.text(side_, frame_.bottom() + 24, times, 13, canvas_.theme().ink, SvgCanvas::Anchor::start, true);
    for (std::uint32_t i = 0; i < step_.graph.nodes.size(); ++i)
      for (const Route& route : frame_.routes_into(i))
        canvas_.put("<path class=\"{}\" d=\"{}\"/>\n", route.constant ? "flow const" : "flow",
                    NodePainter::path_text(route.points));
    for (std::size_t k = 0; k < step_.back.size(); ++k) draw_back_edge(step_.back[k], k, right);
    for (std::uint32_t i = 0; i < step_.graph.nodes.size(); ++i) {
      if (!frame_.visible(i)) continue;
      painter_.draw(i, frame_.x(i), frame_.y(i), frame_.layout().width[i], {});
      marks_.draw_badges(i, entering(i));
      draw_chart(i);
    }
    if (!graph_.parameters.empty()) legend_.draw(canvas_, frame_.bottom() + 44);
    draw_notes(frame_.bottom() + 60 + legend_.height());
    return canvas_.end();
  }

 private:
  // The end of the back edge into a node, inside the box.
  std::vector<Route> entering(std::uint32_t node) const {
    const Point start{side_ - 14, frame_.y(node)}, end{frame_.left(node) - Frame::arrow, frame_.y(node)};
    for (const OneStep::BackEdge& edge : step_.back)
      if (edge.to == node) return {{edge.from, true, false, {start, end}, frame_.is_outermost(node, false)}};
    return {};
  }

  // Out at the right, over the top, in at the left: back to where the next step begins.
  void draw_back_edge(const OneStep::BackEdge& edge, std::size_t k, double right) {
    const double out = right + 26 + lane * static_cast<double>(k), in = side_ - 26 - lane * static_cast<double>(k);
    const double above = top_ - 22 - lane * static_cast<double>(k);
    const double from = frame_.y(edge.from), to = frame_.y(edge.to), bend = 8;
    const bool later = edge.delay < 0;
    canvas_.put(
        "<path class=\"carry\" d=\"M{:.0f} {:.0f}H{:.0f}q{} 0 {} -{}V{:.0f}q0 -{} -{} -{}H{:.0f}q-{} 0 -{} "
        "{}V{:.0f}q0 {} {} {}H{:.0f}\"/>\n",
        frame_.right(edge.from), from, out - bend, bend, bend, bend, above + bend, bend, bend, bend, in + bend, bend,
        bend, bend, to - bend, bend, bend, bend, frame_.left(edge.to) - Frame::arrow);
    canvas_.put("<text class=\"fold\" x=\"{:.0f}\" y=\"{:.0f}\" style=\"fill:{}\">{}</text>\n", (in + out) / 2,
                above - 4, canvas_.theme().carry,
                later ? fmt::format("from {} later", steps_text(-edge.delay))
                      : fmt::format("{} later", steps_text(edge.delay)));
  }
  static std::string steps_text(std::int64_t steps) { return steps == 1 ? "1 step" : fmt::format("{} steps", steps); }

  // The gradient's norm over time, logarithmic, on one scale for all nodes.
  void draw_chart(std::uint32_t i) {
    const std::vector<std::uint32_t>& twins = step_.twins[i];
    if (!scale_.known() || twins.size() < 2) return;
    const double x = frame_.left(i) - 6, y = frame_.y(i) - Frame::half - 8;
    std::string path;
    const std::size_t points = std::min<std::size_t>(twins.size(), 40);
    for (std::size_t k = 0; k < points; ++k) {
      const double norm = graph_.nodes[twins[k * (twins.size() - 1) / (points - 1)]].gradient_norm;
      if (!(norm > 0) || !std::isfinite(norm)) continue;
      const double along = static_cast<double>(k) / static_cast<double>(points - 1);
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x + 2 + (chart_width - 4) * along,
                          y + chart_height - 2 - (chart_height - 4) * scale_.share(norm));
    }
    if (path.empty()) return;
    canvas_.rect(
        x, y, chart_width, chart_height, canvas_.theme().paper, canvas_.theme().grid,
        fmt::format("gradient norm over t, from {} to {}", power_text(scale_.low()), power_text(scale_.high())), 2);
    canvas_.put("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.3\"/>\n", path, canvas_.theme().gradient);
  }

  void draw_notes(double y) {
    const std::size_t count = std::min(listed, step_.exceptions.size());
    for (std::size_t k = 0; k < count; ++k) {
      const OneStep::Exception& e = step_.exceptions[k];
      const std::string when =
          e.first == e.last ? fmt::format("t = {}", e.first) : fmt::format("t = {} \xE2\x80\xA6 {}", e.first, e.last);
      canvas_.text(margin, y + 18.0 * static_cast<double>(k),
                   fmt::format("{}: put together differently, of {} nodes", when, e.nodes), 11);
    }
    if (step_.exceptions.size() > count)
      canvas_.text(margin, y + 18.0 * static_cast<double>(count),
                   fmt::format("and {} more stretches", step_.exceptions.size() - count), 11);
  }

  const Graph& graph_;
  const OneStep& step_;
  const GraphStyle& style_;
  SvgCanvas canvas_;
  Placement placement_;
  std::vector<std::int64_t> uses_;
  NodePainter painter_;
  double side_, top_;
  Frame frame_;
  ParameterMarks marks_;
  LogScale scale_;
  Legend legend_;
};

}  // namespace

std::string folded_view(const Graph& graph, const GraphStyle& style) {
  const Graph drawn = as_drawn(graph, style.fold_views);
  const OneStep step = find_one_step(drawn);
  return step.found ? FoldedView(drawn, step, style).run() : unrolled_view(graph, style);
}

}  // namespace unspool::detail
