// The gradient view: a heat map. Rows are states and gates, columns are steps, the colour is the gradient's norm.
#include <algorithm>
#include <cmath>

#include "dump/attr_text.hpp"
#include "dump/views/canvas.hpp"
#include "dump/views/gradient_rows.hpp"
#include "dump/views/views.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool::detail {
namespace {

constexpr double row_height = 22, left = 190, right = 28, most_width = 900;

class GradientView {
 public:
  GradientView(const Graph& graph, const GraphStyle& style)
      : graph_(graph), style_(style), canvas_(style.theme), drawn_(as_drawn(graph, true)), placement_(place(drawn_)) {
    rows_ = gradient_rows(drawn_, placement_, find_roles(drawn_, placement_));
    for (std::uint32_t c = 0; c < placement_.cells.size(); ++c)
      if (placement_.cells[c].is_column()) columns_.push_back(c);
    for (const GradientRow& row : rows_)
      for (const std::uint32_t i : row.node)
        if (i != Placement::nowhere) scale_.add(graph.nodes[i].gradient_norm);
    // Several steps share a pixel where there are too many; then the largest norm is shown.
    bins_ = std::min<std::size_t>(columns_.size(), 450);
    cell_ = bins_ == 0 ? 0 : std::clamp(most_width / static_cast<double>(bins_), 2.0, 34.0);
    top_ = 36 + (style.title.empty() ? 0 : SvgCanvas::title_height);
  }

  std::string run() {
    const GradientReport report = gradient_report(graph_);
    const double bottom = top_ + row_height * static_cast<double>(rows_.size()) + 10.0 * static_cast<double>(scopes());
    const double width = std::max(620.0, left + cell_ * static_cast<double>(bins_) + right);
    const double words = 20.0 * static_cast<double>(report.courses.size() + (report.first.found ? 1 : 0));
    canvas_.begin(width, bottom + 110 + words, style_.title);
    if (rows_.empty() || !scale_.known()) {
      canvas_.text(28, top_ + 30,
                   rows_.empty() ? "Nothing is handed from step to step."
                                 : "No gradient norms: run backward() on a tape with keep_gradient_norms.");
      return canvas_.end();
    }
    double y = top_;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      if (r == 0 || rows_[r].scope != rows_[r - 1].scope) y += 10;
      draw_row(rows_[r], y, r == 0 || rows_[r].scope != rows_[r - 1].scope);
      y += row_height;
    }
    draw_time(y);
    canvas_.ramp(left, y + 40, 200, scale_, "norm of d(loss)/d(value), logarithmic");
    double line = y + 96;
    for (const GradientCourse& c : report.courses) {
      canvas_.text(left, line, course_text(c), 11.5, canvas_.theme().ink);
      line += 20;
    }
    if (report.first.found)
      canvas_.text(
          left, line,
          fmt::format("first {}: {}", report.first.backward ? "gradient that is not finite" : "NaN or infinity",
                      shorten(node_line(graph_, report.first.node), 90)),
          11.5, canvas_.theme().gradient);
    return canvas_.end();
  }

 private:
  std::size_t scopes() const {
    std::size_t count = 0;
    for (std::size_t r = 0; r < rows_.size(); ++r) count += r == 0 || rows_[r].scope != rows_[r - 1].scope ? 1 : 0;
    return count;
  }

  static std::string course_text(const GradientCourse& c) {
    const std::string where = c.scope.empty() ? "" : shorten(c.scope, 40) + ": ";
    return fmt::format("{}{}; a factor of {} a step back, {} from the last step to the first", where,
                       verdict_name(c.verdict), real_text(c.decay, 3), real_text(c.end_to_end, 3));
  }

  void draw_row(const GradientRow& row, double y, bool first_of_scope) {
    const Theme& t = canvas_.theme();
    if (first_of_scope) canvas_.text(28, y + 15, shorten(row.scope, 18), 11.5, t.ink);
    canvas_.text(left - 10, y + 15, row.name, 11.5, t.soft, SvgCanvas::Anchor::end);
    for (std::size_t b = 0; b < bins_; ++b) {
      const std::size_t from = b * columns_.size() / bins_, to = (b + 1) * columns_.size() / bins_;
      draw_bin(row, left + cell_ * static_cast<double>(b), y, from, to);
    }
  }

  void draw_bin(const GradientRow& row, double x, double y, std::size_t from, std::size_t to) {
    const Theme& t = canvas_.theme();
    double norm = -1;
    std::uint32_t node = Placement::nowhere;
    bool broken = false, cut = false;
    for (std::size_t k = from; k < to; ++k) {
      const std::uint32_t i = row.node[columns_[k]];
      cut = cut || row.cut[columns_[k]] != 0;
      if (i == Placement::nowhere) continue;
      const double n = graph_.nodes[i].gradient_norm;
      broken = broken || (!(n < 0) && !std::isfinite(n));
      if (node == Placement::nowhere || n > norm) norm = n, node = i;
    }
    if (node == Placement::nowhere) return;
    const std::string tip =
        fmt::format("{}\ngradient norm {}", node_line(graph_, node), norm < 0 ? "none" : real_text(norm, 4));
    const double w = cell_ - (cell_ > 6 ? 1.5 : 0), h = row_height - 2;
    canvas_.rect(x, y, w, h, norm > 0 && std::isfinite(norm) ? scale_color(scale_.share(norm)) : t.paper, t.grid, tip);
    // Nothing arrives: a stroke through an empty box. Not finite: a cross on a loud ground.
    if (!(norm > 0) && !broken) canvas_.line(x + 1, y + h - 1, x + w - 1, y + 1, t.faint);
    if (broken) {
      canvas_.rect(x, y, w, h, t.gradient, nullptr, tip);
      canvas_.line(x + 2, y + 2, x + w - 2, y + h - 2, t.paper, 1.5);
      canvas_.line(x + w - 2, y + 2, x + 2, y + h - 2, t.paper, 1.5);
    }
    if (cut) canvas_.line(x + cell_ - 0.75, y - 3, x + cell_ - 0.75, y + h + 3, t.gradient, 2.5);
  }

  void draw_time(double y) {
    const Theme& t = canvas_.theme();
    const std::size_t every = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(30 / cell_)));
    for (std::size_t b = 0; b < bins_; b += every) {
      const std::size_t k = b * columns_.size() / bins_;
      canvas_.text(left + cell_ * (static_cast<double>(b) + 0.5), y + 14,
                   fmt::format("{}", placement_.cells[columns_[k]].step), 10, t.faint, SvgCanvas::Anchor::middle);
    }
    canvas_.text(left - 10, y + 14, "t", 11.5, t.soft, SvgCanvas::Anchor::end);
    canvas_.text(left + cell_ * static_cast<double>(bins_), y + 30, "\xE2\x86\x90 the gradient flows this way", 11,
                 t.gradient, SvgCanvas::Anchor::end);
  }

  const Graph& graph_;
  const GraphStyle& style_;
  SvgCanvas canvas_;
  Graph drawn_;
  Placement placement_;
  std::vector<GradientRow> rows_;
  std::vector<std::uint32_t> columns_;
  LogScale scale_;
  std::size_t bins_ = 0;
  double cell_ = 0, top_ = 0;
};

}  // namespace

std::string gradient_view(const Graph& graph, const GraphStyle& style) { return GradientView(graph, style).run(); }

}  // namespace unspool::detail
