#include "dump/views/node_painter.hpp"

namespace unspool::detail {
namespace {

constexpr double half = Frame::half;
constexpr double symbol_room = 14, index_width = 5;

}  // namespace

std::string NodePainter::sheet() const {
  const Theme& t = canvas_.theme();
  return fmt::format(
      "\n.name,.shape,.step,.fold,.badge,.more{{text-anchor:middle}}.name{{fill:{};font-size:12px;font-weight:500}}"
      ".symbol{{font:italic 13px 'Latin Modern Math','STIX Two Text',Georgia,serif}}.symbol tspan{{font-size:9px}}"
      ".shape{{font-size:9.5px;fill:{}}}.step{{font-size:12px;fill:{}}}.fold{{font-size:11px;fill:{}}}\n"
      ".badge{{font-size:9.5px;font-weight:600;fill:{}}}.legend{{font-size:11px;text-anchor:start;fill:{}}}"
      ".more{{font-size:10px;fill:{}}}\n.lane{{fill:{}}}.folded{{fill:{};stroke:{};stroke-dasharray:3 4}}\n"
      ".flow,.carry,.through,.axis{{fill:none;stroke:{};stroke-width:1.3}}.flow,.axis{{marker-end:url(#a)}}\n"
      ".const{{stroke:{}}}.carry{{stroke:{};stroke-width:2;marker-end:url(#c)}}\n"
      ".through{{stroke:{};stroke-width:2;stroke-dasharray:1 6;stroke-linecap:round}}\n"
      ".back{{fill:none;stroke:{};marker-end:url(#g)}}.band{{fill:none;stroke:{};stroke-opacity:.35}}\n"
      ".op{{fill:{};stroke:{}}}.input{{fill:{};stroke:{}}}.constant{{fill:{};stroke:{}}}\n"
      ".state{{fill:{};stroke:{};stroke-width:2}}.loss{{fill:{};stroke:{};stroke-dasharray:none}}",
      t.ink, t.soft, t.soft, t.soft, t.badge_text, t.soft, t.faint, t.column, t.fold, t.fold_line, t.line, t.pale,
      t.carry, t.carry, t.gradient, t.gradient, t.op, t.op_line, t.input, t.input_line, t.constant, t.constant_line,
      t.state, t.state_line, t.loss, t.loss_line);
}

void NodePainter::arrow_head(const char* id, const char* color) {
  canvas_.put(
      "<marker id=\"{}\" viewBox=\"0 0 8 8\" refX=\"3\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
      "markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0.5L8 4L0 7.5z\" fill=\"{}\"/></marker>\n",
      id, color);
}

void NodePainter::arrow_heads() {
  arrow_head("a", canvas_.theme().line);
  arrow_head("c", canvas_.theme().carry);
  arrow_head("g", canvas_.theme().gradient);
}

std::string NodePainter::path_text(const std::vector<Point>& p) {
  std::string text = fmt::format("M{:.0f} {:.0f}", p[0].x, p[0].y);
  for (std::size_t k = 1; k + 2 < p.size(); k += 3) {
    const bool upright = p[k - 1].x == p[k + 2].x;
    if (upright || p[k - 1].y == p[k + 2].y)
      text += fmt::format("L{:.0f} {:.0f}", p[k + 2].x, p[k + 2].y);
    else
      text += fmt::format("C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}", p[k].x, p[k].y, p[k + 1].x, p[k + 1].y,
                          p[k + 2].x, p[k + 2].y);
  }
  return text;
}

void NodePainter::draw(std::uint32_t i, double x, double y, double width, Symbol symbol) {
  static constexpr const char* classes[] = {"op", "input", "constant", "state", "loss"};
  const GraphNode& n = graph_.nodes[i];
  const std::string& name = graph_.op_name(n);
  const double digits = static_cast<double>(fmt::formatted_size("{}", symbol.step));
  const double corner = symbol.letter != 0 ? symbol_room + index_width * digits : 0;
  const double size = SvgCanvas::text_width(name, 12) < width - corner ? 12 : 10;
  const std::size_t room = static_cast<std::size_t>((width - corner) / (0.6 * size));
  const bool aside = SvgCanvas::text_width(name, size) > width - 2 * corner;
  const NodeFill::Paint paint = fill_.of(i);
  canvas_.put(
      "<g><title>{}</title><rect class=\"{}\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" "
      "rx=\"{}\"{}/>",
      escape_xml(describe_node(graph_, i)), fill_.plain() ? "op" : classes[static_cast<int>(roles_[i])], x - width / 2,
      y - half, width, Frame::node_height, n.input_count == 0 ? 18 : 6,
      paint.fill.empty() ? "" : fmt::format(" style=\"fill:{}\"", paint.fill));
  const std::string letters = paint.letters.empty() ? "" : fmt::format(";fill:{}", paint.letters);
  canvas_.put("<text class=\"name\" style=\"font-size:{}px{}\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>", size, letters,
              aside ? x + corner / 2 - 2 : x, y - 2, escape_xml(shorten(name, room)));
  canvas_.put("<text class=\"shape\"{} x=\"{:.0f}\" y=\"{:.0f}\">{}</text></g>\n",
              paint.letters.empty() ? "" : fmt::format(" style=\"fill:{}\"", paint.letters), x, y + 10,
              escape_xml(shorten(shape_text(graph_, n), static_cast<std::size_t>(width / 5.7))));
  if (symbol.letter != 0)
    canvas_.put("<text class=\"symbol\" x=\"{:.0f}\" y=\"{:.0f}\" fill=\"{}\">{}<tspan dy=\"3\">{}</tspan></text>\n",
                x - width / 2 + 6, y - half + 14, paint.letters.empty() ? canvas_.theme().soft : paint.letters,
                symbol.letter, symbol.step);
}

}  // namespace unspool::detail
