// The parameter view: what every step contributes to a shared parameter's gradient, how it sums up, where it points.
#include <algorithm>
#include <cmath>

#include "dump/attr_text.hpp"
#include "dump/roles.hpp"
#include "dump/ticks.hpp"
#include "dump/views/canvas.hpp"
#include "dump/views/views.hpp"

namespace unspool::detail {
namespace {

constexpr double left = 84, plot_width = 700, plot_height = 150, pitch = 236, right = 90;
constexpr std::size_t most_bars = 350;

class ParameterView {
 public:
  ParameterView(const Graph& graph, const GraphStyle& style) : graph_(graph), style_(style), canvas_(style.theme) {
    for (std::uint32_t k = 0; k < graph.parameters.size(); ++k)
      if (!graph.parameters[k].series.steps.empty()) shown_.push_back(k);
    top_ = 34 + (style.title.empty() ? 0 : SvgCanvas::title_height);
  }

  std::string run() {
    const double height = shown_.empty() ? top_ + 60 : top_ + pitch * static_cast<double>(shown_.size()) + 20;
    canvas_.begin(left + plot_width + right, height, style_.title);
    if (shown_.empty())
      canvas_.text(28, top_ + 20, "No contributions by step: the tape kept no ledger of its parameters' gradients.");
    for (std::size_t k = 0; k < shown_.size(); ++k) draw(shown_[k], top_ + pitch * static_cast<double>(k));
    return canvas_.end();
  }

 private:
  void draw(std::uint32_t k, double top) {
    const Theme& t = canvas_.theme();
    const GraphParameter& p = graph_.parameters[k];
    canvas_.text(left, top - 8,
                 fmt::format("{} {}  |grad| {}", shorten(p.name, 50), shape_text(graph_, graph_.nodes[p.node]),
                             p.gradient_norm < 0 ? "not known" : real_text(p.gradient_norm, 4)),
                 12, t.ink, SvgCanvas::Anchor::start, true);
    const GraphSeries& s = p.series;
    double most = 1e-300;
    for (std::size_t i = 0; i < s.steps.size(); ++i)
      for (const double v : {s.norm[i], s.running_norm[i]})
        if (std::isfinite(v)) most = std::max(most, v);
    const Axis axis = linear_axis(0, most, 4);
    const auto y_of = [&](double v) { return top + plot_height * (1 - std::clamp(v / axis.high, 0.0, 1.0)); };
    for (const Tick& tick : axis.ticks) {
      canvas_.line(left, y_of(tick.value), left + plot_width, y_of(tick.value), t.grid);
      canvas_.text(left - 8, y_of(tick.value) + 4, tick.label, 10, t.soft, SvgCanvas::Anchor::end);
    }
    bars(s, top, y_of, parameter_color(k));
    lines(s, p.gradient_norm, top, y_of);
    step_labels(s, top);
    if (k == shown_.front()) legend(top + plot_height + 46, parameter_color(k));
  }

  std::size_t bins(const GraphSeries& s) const { return std::min(most_bars, s.steps.size()); }
  double x_of(const GraphSeries& s, std::size_t b) const {
    return left + plot_width * (static_cast<double>(b) + 0.5) / static_cast<double>(bins(s));
  }

  // Of steps that share a bar the largest.
  template <class Y>
  void bars(const GraphSeries& s, double top, Y y_of, const char* color) {
    const double width = std::max(1.0, plot_width / static_cast<double>(bins(s)) * 0.7);
    for (std::size_t b = 0; b < bins(s); ++b) {
      const std::size_t from = b * s.steps.size() / bins(s), to = (b + 1) * s.steps.size() / bins(s);
      std::size_t at = from;
      for (std::size_t i = from; i < to; ++i)
        if (s.norm[i] > s.norm[at]) at = i;
      const double y = y_of(std::isfinite(s.norm[at]) ? s.norm[at] : 1e300);
      canvas_.rect(x_of(s, b) - width / 2, y, width, top + plot_height - y, color, nullptr,
                   fmt::format("t = {}\ncontribution {}\nsum down to here {}", s.steps[at], real_text(s.norm[at], 4),
                               real_text(s.running_norm[at], 4)));
    }
  }

  template <class Y>
  void lines(const GraphSeries& s, double total, double top, Y y_of) {
    const Theme& t = canvas_.theme();
    std::string sum, cosine;
    for (std::size_t b = 0; b < bins(s); ++b) {
      const std::size_t i = b * s.steps.size() / bins(s);
      if (std::isfinite(s.running_norm[i]))
        sum += fmt::format("{}{:.1f} {:.1f}", sum.empty() ? "M" : "L", x_of(s, b), y_of(s.running_norm[i]));
      const double c = s.dot[i] / (s.norm[i] * total);
      if (std::isfinite(c) && std::abs(c) <= 1 + 1e-6)
        cosine += fmt::format("{}{:.1f} {:.1f}", cosine.empty() ? "M" : "L", x_of(s, b),
                              top + plot_height * (1 - std::clamp(c, -1.0, 1.0)) / 2);
    }
    if (!sum.empty()) canvas_.put("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", sum, t.ink);
    if (!cosine.empty())
      canvas_.put("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" stroke-dasharray=\"5 3\"/>\n",
                  cosine, t.gradient);
    for (const int c : {-1, 0, 1})
      canvas_.text(left + plot_width + 8, top + plot_height * (1 - c) / 2 + 4, fmt::format("{}", c), 10, t.gradient);
  }

  void step_labels(const GraphSeries& s, double top) {
    const std::size_t every = std::max<std::size_t>(1, bins(s) / 14);
    for (std::size_t b = 0; b < bins(s); b += every)
      canvas_.text(x_of(s, b), top + plot_height + 16, fmt::format("{}", s.steps[b * s.steps.size() / bins(s)]), 10,
                   canvas_.theme().faint, SvgCanvas::Anchor::middle);
  }

  void legend(double y, const char* color) {
    const Theme& t = canvas_.theme();
    canvas_.rect(left, y - 9, 12, 10, color);
    canvas_.text(left + 18, y, "norm of the step's contribution");
    canvas_.line(left + 240, y - 4, left + 266, y - 4, t.ink, 2);
    canvas_.text(left + 272, y, "norm of the sum from the last step down to this one");
    canvas_.put("<path d=\"M{0:.0f} {1:.0f}h26\" stroke=\"{2}\" stroke-width=\"1.6\" stroke-dasharray=\"5 3\"/>\n",
                left + 570, y - 4, t.gradient);
    canvas_.text(left + 602, y, "cosine to the whole (right)");
  }

  const Graph& graph_;
  const GraphStyle& style_;
  SvgCanvas canvas_;
  std::vector<std::uint32_t> shown_;
  double top_ = 0;
};

}  // namespace

std::string parameter_view(const Graph& graph, const GraphStyle& style) { return ParameterView(graph, style).run(); }

}  // namespace unspool::detail
