#include "dump/views/legend.hpp"

#include <algorithm>

#include "dump/attr_text.hpp"

namespace unspool::detail {

void Legend::place(const Graph& graph, const std::vector<std::int64_t>& uses, double left, double right) {
  graph_ = &graph;
  uses_ = &uses;
  double x = left;
  int row = 0;
  for (std::uint32_t k = 0; k < graph.parameters.size(); ++k) {
    const GraphParameter& p = graph.parameters[k];
    Item item{k, x, row, shorten(p.name, 32), shape_text(graph, graph.nodes[p.node])};
    if (uses[k] > 1) item.text += fmt::format(" \xC3\x97{}", uses[k]);
    if (!(p.gradient_norm < 0)) item.text += fmt::format("  |grad| {}", real_text(p.gradient_norm, 3));
    const double width = badge_width(item.name) + 6 + SvgCanvas::text_width(item.text, 10.5) + 22;
    if (item.x > left && item.x + width > right) {
      item.x = left;
      item.row = ++row;
    }
    x = item.x + width;
    items_.push_back(std::move(item));
  }
  rows_ = items_.empty() ? 0 : row + 1;
}

void Legend::draw(SvgCanvas& canvas, double top) const {
  for (const Item& item : items_) {
    const double y = top + item.row * 26;
    badge(canvas, *graph_, *uses_, item.parameter, item.x, y, item.name);
    canvas.put("<text class=\"legend\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n", item.x + badge_width(item.name) + 6,
               y + 11, escape_xml(item.text));
  }
}

namespace {

constexpr double index_size = 7.5;

std::size_t index_of(std::string_view symbol) { return std::min(symbol.size(), symbol.find('_')); }

// `letters` is markup.
void draw_mark(SvgCanvas& canvas, const std::string& tip, const char* color, double x, double y, double width,
               const std::string& letters) {
  canvas.put(
      "<g><title>{}</title><rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"14\" rx=\"7\" fill=\"{}\" "
      "stroke=\"{}\"/>",
      escape_xml(tip), x, y, width, color, canvas.theme().paper);
  if (!letters.empty())
    canvas.put("<text class=\"badge\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>", x + width / 2, y + 10.5, letters);
  canvas.put("</g>\n");
}

}  // namespace

double Legend::badge_width(std::string_view name) {
  constexpr double bold = 1.12;  // a name in bold letters takes so much more room than text_width() gives it
  return name.empty() ? 14 : std::max(18.0, 12 + bold * SvgCanvas::text_width(name, 9.5));
}

void Legend::badge(SvgCanvas& canvas, const Graph& graph, const std::vector<std::int64_t>& uses,
                   std::uint32_t parameter, double x, double y, std::string_view name) {
  draw_mark(canvas, describe_parameter(graph, parameter, uses[parameter]), parameter_color(parameter), x, y,
            badge_width(name), escape_xml(name));
}

double Legend::symbol_width(std::string_view symbol) {
  if (symbol.empty()) return badge_width(symbol);
  const std::string_view letters = symbol.substr(0, index_of(symbol));
  const std::string_view index = symbol.substr(letters.size());
  return std::max(18.0, 12 + SvgCanvas::text_width(letters, 9.5) + SvgCanvas::text_width(index, index_size));
}

void Legend::symbol(SvgCanvas& canvas, const Graph& graph, const std::vector<std::int64_t>& uses,
                    std::uint32_t parameter, double x, double y, std::string_view symbol) {
  const std::size_t at = index_of(symbol);
  std::string letters = escape_xml(symbol.substr(0, at));
  if (at + 1 < symbol.size())
    letters +=
        fmt::format("<tspan dy=\"1.5\" font-size=\"{}\">{}</tspan>", index_size, escape_xml(symbol.substr(at + 1)));
  draw_mark(canvas, describe_parameter(graph, parameter, uses[parameter]), parameter_color(parameter), x, y,
            symbol_width(symbol), letters);
}

NodeFill::NodeFill(const Graph& graph, GraphColor color) : graph_(graph), color_(color) {
  if (color == GraphColor::op || color == GraphColor::none) return;
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) scale_.add(number(i));
}

double NodeFill::number(std::uint32_t node) const {
  const GraphNode& n = graph_.nodes[node];
  if (color_ == GraphColor::gradnorm) return n.gradient_norm;
  return static_cast<double>(color_ == GraphColor::bytes ? n.value_bytes + n.saved_bytes : n.flops);
}

NodeFill::Paint NodeFill::of(std::uint32_t node) const {
  if (!scaled() || !(number(node) > 0)) return {};
  const double share = scale_.share(number(node));
  return {scale_color(share), scale_is_dark(share) ? "#fff" : "#000"};
}

const char* NodeFill::what() const {
  return color_ == GraphColor::gradnorm ? "gradient norm" : color_ == GraphColor::bytes ? "bytes" : "flops";
}

}  // namespace unspool::detail
