// Line charts. Long series are thinned to what a pixel column can show: its first, least, greatest and last point.
#include "unspool/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "dump/escape.hpp"
#include "dump/printer.hpp"
#include "dump/ticks.hpp"
#include "files/atomic_file.hpp"

namespace unspool {
namespace {

using detail::Axis;
using detail::Tick;

constexpr const char* colors[] = {"#1e78c8", "#d9541e", "#2e8b57", "#7b4fb5",
                                  "#c2417c", "#00838f", "#8a6d00", "#546e7a"};
constexpr const char* dashes[] = {"none", "7 4", "2 3"};

constexpr const char* sheet = R"(
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#455a64;font-size:11px}
.title{font-size:15px;font-weight:600;fill:#263238}.label{font-size:12px;text-anchor:middle}
.x{text-anchor:middle}.y{text-anchor:end}.none{text-anchor:middle;fill:#90a4ae;font-size:13px}
.grid{stroke:#e6eaed;stroke-width:1}.axis{stroke:#90a4ae;stroke-width:1;fill:none}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
)";

struct Spot {
  double x, y;
};

class ChartWriter : detail::Printer {
 public:
  ChartWriter(std::span<const ChartSeries> series, const ChartOptions& options) : series_(series), o_(options) {
    detail::require(o_.width >= 200 && o_.height >= 150, ErrorCode::bad_argument, "svg_line_chart",
                    "a chart is at least 200 by 150 pixels; given {} by {}", o_.width, o_.height);
    for (const ChartSeries& s : series_)
      detail::require(s.x.empty() || s.x.size() == s.y.size(), ErrorCode::bad_argument, "svg_line_chart",
                      "x must be empty or as long as y; series \"{}\" has {} and {}", s.name, s.x.size(), s.y.size());
  }

  std::string run() {
    find_axes();
    find_frame();
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n"
        "<style>{2}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        o_.width, o_.height, sheet);
    if (!o_.title.empty())
      put("<text class=\"title\" x=\"{:.1f}\" y=\"24\">{}</text>\n", left_, detail::escape_xml(o_.title));
    draw_axes();
    for (std::size_t k = 0; k < series_.size(); ++k) draw_line(k);
    draw_legend();
    put("</svg>\n");
    return text();
  }

 private:
  static double x_of(const ChartSeries& s, std::size_t i) { return s.x.empty() ? static_cast<double>(i) : s.x[i]; }
  bool shows(double x, double y) const { return std::isfinite(x) && std::isfinite(y) && (!o_.log_y || y > 0); }

  void find_axes() {
    constexpr double inf = std::numeric_limits<double>::infinity();
    double low_x = inf, high_x = -inf, low_y = inf, high_y = -inf;
    bool whole = true;
    for (const ChartSeries& s : series_)
      for (std::size_t i = 0; i < s.y.size(); ++i) {
        const double x = x_of(s, i);
        if (!shows(x, s.y[i])) continue;
        low_x = std::min(low_x, x), high_x = std::max(high_x, x);
        low_y = std::min(low_y, s.y[i]), high_y = std::max(high_y, s.y[i]);
        whole = whole && x == std::floor(x) && std::abs(x) < 1e15;
      }
    empty_ = low_x > high_x;
    if (empty_) low_x = 0, high_x = 1, low_y = o_.log_y ? 0.1 : 0, high_y = 1;
    x_ = detail::linear_axis(low_x, high_x, std::max(2, o_.width / 90), whole);
    const int rows = std::max(2, o_.height / 55);
    y_ = o_.log_y ? detail::log_axis(low_y, high_y, rows) : detail::linear_axis(low_y, high_y, rows);
  }

  void find_frame() {
    std::size_t widest = 1;
    for (const Tick& t : y_.ticks) widest = std::max(widest, characters(t.label));
    left_ = 18 + 6.6 * static_cast<double>(widest) + (o_.y_label.empty() ? 0 : 20);
    right_ = o_.width - 22;
    legend_rows_ = place_legend();
    top_ = (o_.title.empty() ? 14 : 38) + 18.0 * legend_rows_;
    bottom_ = o_.height - (o_.x_label.empty() ? 30 : 48);
    bottom_ = std::max(bottom_, top_ + 40);
  }
  static std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  }

  // What an axis cannot reach stands at its end.
  double at_x(double x) const {
    return left_ + std::clamp((x - x_.low) / (x_.high - x_.low), 0.0, 1.0) * (right_ - left_);
  }
  double at_y(double y) const {
    const double share = o_.log_y ? (std::log10(y) - std::log10(y_.low)) / (std::log10(y_.high) - std::log10(y_.low))
                                  : (y - y_.low) / (y_.high - y_.low);
    return bottom_ - std::clamp(share, 0.0, 1.0) * (bottom_ - top_);
  }

  void draw_axes() {
    for (const Tick& t : y_.ticks)
      put("<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
          "<text class=\"y\" x=\"{3:.1f}\" y=\"{4:.1f}\">{5}</text>\n",
          left_, right_, at_y(t.value), left_ - 7, at_y(t.value) + 4, t.label);
    for (const Tick& t : x_.ticks)
      put("<line class=\"axis\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>"
          "<text class=\"x\" x=\"{0:.1f}\" y=\"{3:.1f}\">{4}</text>\n",
          at_x(t.value), bottom_, bottom_ + 5, bottom_ + 18, t.label);
    put("<path class=\"axis\" d=\"M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}\"/>\n", left_, top_, bottom_, right_);
    const double middle = (left_ + right_) / 2;
    if (!o_.x_label.empty())
      put("<text class=\"label\" x=\"{:.1f}\" y=\"{}\">{}</text>\n", middle, o_.height - 12,
          detail::escape_xml(o_.x_label));
    if (!o_.y_label.empty())
      put("<text class=\"label\" transform=\"translate(17 {:.1f}) rotate(-90)\">{}</text>\n", (top_ + bottom_) / 2,
          detail::escape_xml(o_.y_label));
    if (empty_) put("<text class=\"none\" x=\"{:.1f}\" y=\"{:.1f}\">no data</text>\n", middle, (top_ + bottom_) / 2);
  }

  void draw_line(std::size_t k) {
    const ChartSeries& s = series_[k];
    std::vector<Spot> run;
    for (std::size_t i = 0; i <= s.y.size(); ++i) {
      if (i < s.y.size() && shows(x_of(s, i), s.y[i])) {
        run.push_back({at_x(x_of(s, i)), at_y(s.y[i])});
        continue;
      }
      draw_run(run, k);
      run.clear();
    }
  }

  void draw_run(const std::vector<Spot>& run, std::size_t k) {
    if (run.empty()) return;
    if (run.size() == 1) {
      put("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", run[0].x, run[0].y, color(k));
      return;
    }
    put("<path class=\"line\" stroke=\"{}\" stroke-dasharray=\"{}\" d=\"", color(k), dash(k));
    char letter = 'M';
    for (const Spot& spot : thin(run)) {
      put("{}{:.1f} {:.1f}", letter, spot.x, spot.y);
      letter = 'L';
    }
    put("\"/>\n");
  }

  // Of neighbours in one pixel column those that mark its extent, in their order.
  std::vector<Spot> thin(const std::vector<Spot>& run) const {
    if (run.size() < 4 * static_cast<std::size_t>(o_.width)) return run;
    std::vector<Spot> kept;
    for (std::size_t begin = 0, end = 0; begin < run.size(); begin = end) {
      while (end < run.size() && std::floor(run[end].x) == std::floor(run[begin].x)) ++end;
      std::size_t marks[] = {begin, begin, begin, end - 1};
      for (std::size_t i = begin; i < end; ++i) {
        if (run[i].y < run[marks[1]].y) marks[1] = i;
        if (run[i].y > run[marks[2]].y) marks[2] = i;
      }
      std::sort(std::begin(marks), std::end(marks));
      for (std::size_t m = 0; m < 4; ++m)
        if (m == 0 || marks[m] != marks[m - 1]) kept.push_back(run[marks[m]]);
    }
    return kept;
  }

  static const char* color(std::size_t k) { return colors[k % std::size(colors)]; }
  static const char* dash(std::size_t k) { return dashes[k / std::size(colors) % std::size(dashes)]; }

  struct LegendEntry {
    std::size_t series;
    double x;
    int row;
    std::string name;
  };

  // Below the title, from the left, as many rows as it takes.
  int place_legend() {
    double x = left_;
    int row = 0;
    for (std::size_t k = 0; k < series_.size(); ++k) {
      if (series_[k].name.empty()) continue;
      const std::string name = detail::shorten(series_[k].name, 40);
      const double width = 28 + 6.6 * static_cast<double>(characters(name)) + 16;
      if (x > left_ && x + width > right_) {
        x = left_;
        ++row;
      }
      legend_.push_back({k, x, row, name});
      x += width;
    }
    return legend_.empty() ? 0 : row + 1;
  }

  void draw_legend() {
    for (const LegendEntry& e : legend_) {
      const double y = (o_.title.empty() ? 14 : 38) + 18.0 * e.row;
      put("<line class=\"line\" stroke=\"{0}\" stroke-dasharray=\"{1}\" x1=\"{2:.1f}\" x2=\"{3:.1f}\" y1=\"{4:.1f}\" "
          "y2=\"{4:.1f}\"/><text x=\"{5:.1f}\" y=\"{6:.1f}\">{7}</text>\n",
          color(e.series), dash(e.series), e.x, e.x + 20, y, e.x + 26, y + 4, detail::escape_xml(e.name));
    }
  }

  std::span<const ChartSeries> series_;
  const ChartOptions& o_;
  Axis x_;
  Axis y_;
  bool empty_ = false;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
  int legend_rows_ = 0;
  std::vector<LegendEntry> legend_;
};

}  // namespace

std::string svg_line_chart(std::span<const ChartSeries> series, const ChartOptions& options) {
  return ChartWriter(series, options).run();
}

void write_line_chart(const std::string& path, std::span<const ChartSeries> series, const ChartOptions& options) {
  detail::write_file_atomically(path, svg_line_chart(series, options), "write_line_chart");
}

}  // namespace unspool
