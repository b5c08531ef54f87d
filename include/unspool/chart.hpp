// Line charts as SVG: training curves, and the gradient norm that arrives at each step.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "unspool/export.hpp"

namespace unspool {

/// One named line. `x` may be empty: the points then stand at 0, 1, 2, ... Points whose x or y is NaN or infinite, or
/// not positive on a logarithmic axis, leave a gap.
struct ChartSeries {
  std::string name = {};
  std::vector<double> y = {};
  std::vector<double> x = {};
};

struct ChartOptions {
  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  bool log_y = false;
  int width = 720;   ///< pixels, at least 200
  int height = 400;  ///< pixels, at least 150
};

/// The lines over their axes, as the text of an SVG file. Throws bad_argument for a size below the least, or an x that
/// is neither empty nor as long as its y.
UNSPOOL_API std::string svg_line_chart(std::span<const ChartSeries> series, const ChartOptions& options = {});
inline std::string svg_line_chart(const ChartSeries& series, const ChartOptions& options = {}) {
  return svg_line_chart(std::span(&series, 1), options);
}

/// Writes the chart to a file, whole or not at all. Throws as svg_line_chart does, and file_write.
UNSPOOL_API void write_line_chart(const std::string& path, std::span<const ChartSeries> series,
                                  const ChartOptions& options = {});

}  // namespace unspool
