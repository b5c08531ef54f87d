// SvgCanvas: what the views share: a buffer, a frame with title and style sheet, letters that are measured.
#pragma once

#include "dump/escape.hpp"
#include "dump/printer.hpp"
#include "dump/views/theme.hpp"

namespace unspool::detail {

class SvgCanvas : Printer {
 public:
  explicit SvgCanvas(GraphTheme theme) : theme_(theme_of(theme)) {}

  const Theme& theme() const { return theme_; }
  using Printer::put;

  /// The head of a picture; `sheet` has the view's own classes.
  void begin(double width, double height, const std::string& title, const std::string& sheet = {});
  std::string end();

  enum class Anchor { start, middle, end };
  void text(double x, double y, std::string_view words, double size = 11, const char* color = nullptr,
            Anchor anchor = Anchor::start, bool bold = false);
  void line(double x1, double y1, double x2, double y2, const char* color, double width = 1);
  void rect(double x, double y, double width, double height, std::string_view fill, const char* stroke = nullptr,
            std::string_view tip = {}, double round = 0);

  /// A ramp of scale_color() with its ends labelled; its top left corner, its width.
  void ramp(double x, double y, double width, const LogScale& scale, std::string_view what);

  static double text_width(std::string_view text, double size);
  static constexpr double title_height = 34;

 private:
  const Theme& theme_;
};

/// "10^-3" with a superscript.
std::string power_text(double exponent);

}  // namespace unspool::detail
