#include "dump/views/canvas.hpp"

#include <algorithm>
#include <cmath>

namespace unspool::detail {

void SvgCanvas::begin(double width, double height, const std::string& title, const std::string& sheet) {
  put("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
      "{1:.0f}\">\n<style>\ntext{{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu "
      "Sans',sans-serif}}{2}\n</style>\n<rect width=\"100%\" height=\"100%\" fill=\"{3}\"/>\n",
      width, height, sheet, theme_.paper);
  if (!title.empty()) text(28, 36, title, 15, theme_.ink, Anchor::start, true);
}

std::string SvgCanvas::end() {
  put("</svg>\n");
  return Printer::text();
}

void SvgCanvas::text(double x, double y, std::string_view words, double size, const char* color, Anchor anchor,
                     bool bold) {
  static constexpr const char* anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
  put("<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:g}\" fill=\"{}\"{}{}>{}</text>\n", x, y, size,
      color == nullptr ? theme_.soft : color, anchors[static_cast<int>(anchor)], bold ? " font-weight=\"600\"" : "",
      escape_xml(words));
}

void SvgCanvas::line(double x1, double y1, double x2, double y2, const char* color, double width) {
  put("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"{}\" stroke-width=\"{:g}\" fill=\"none\"/>\n", x1, y1, x2, y2,
      color, width);
}

void SvgCanvas::rect(double x, double y, double width, double height, std::string_view fill, const char* stroke,
                     std::string_view tip, double round) {
  put("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"", x, y, width, height, fill);
  if (stroke != nullptr) put(" stroke=\"{}\"", stroke);
  if (round > 0) put(" rx=\"{:g}\"", round);
  if (tip.empty())
    put("/>\n");
  else
    put("><title>{}</title></rect>\n", escape_xml(tip));
}

void SvgCanvas::ramp(double x, double y, double width, const LogScale& scale, std::string_view what) {
  constexpr int steps = 40;
  for (int k = 0; k < steps; ++k)
    rect(x + width * k / steps, y, width / steps + 0.5, 10, scale_color((k + 0.5) / steps));
  text(x, y + 24, power_text(scale.low()), 10, theme_.faint);
  text(x + width, y + 24, power_text(scale.high()), 10, theme_.faint, Anchor::end);
  text(x + width + 10, y + 9, what, 11, theme_.soft);
}

double SvgCanvas::text_width(std::string_view text, double size) {
  return 0.6 * size *
         static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string power_text(double exponent) {
  static constexpr const char* digits[] = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                           "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  // Between powers the number itself says more.
  if (std::abs(exponent - std::round(exponent)) > 0.02 || std::abs(exponent) < 3.5)
    return fmt::format("{:.2g}", std::pow(10.0, exponent));
  std::string text = "10";
  for (const char c : fmt::format("{}", std::lround(exponent))) text += c == '-' ? "\u207b" : digits[c - '0'];
  return text;
}

}  // namespace unspool::detail
