// The memory view: what is alive, stacked, over the forward pass and then the backward pass.
#include <algorithm>

#include "dump/memory_timeline.hpp"
#include "dump/ticks.hpp"
#include "dump/views/canvas.hpp"
#include "dump/views/views.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool::detail {
namespace {

constexpr double left = 84, right = 28, plot_width = 820, plot_height = 320;
constexpr std::size_t listed = 10;

struct Layer {
  const char* name;
  std::int64_t MemoryMoment::*bytes;
  std::size_t kind;
};
constexpr Layer layers[] = {{"values", &MemoryMoment::values, 0},
                            {"saved for backward", &MemoryMoment::saved, 2},
                            {"bookkeeping", &MemoryMoment::bookkeeping, 9},
                            {"gradients", &MemoryMoment::gradients, 1},
                            {"scratch", &MemoryMoment::scratch, 3}};

class MemoryView {
 public:
  MemoryView(const Graph& graph, const GraphStyle& style)
      : graph_(graph), style_(style), canvas_(style.theme), report_(memory_report(graph)) {
    top_ = 40 + (style.title.empty() ? 0 : SvgCanvas::title_height);
    gather();
  }

  std::string run() {
    const double height = top_ + plot_height + 96 + 18.0 * static_cast<double>(holders()) + (holders() > 0 ? 30 : 0);
    canvas_.begin(left + plot_width + right, height, style_.title);
    if (moments_.empty()) {
      canvas_.text(left, top_ + 40, "The tape has recorded nothing.");
      return canvas_.end();
    }
    draw_axes();
    draw_layers();
    draw_peak();
    draw_legend();
    draw_holders();
    return canvas_.end();
  }

 private:
  std::size_t holders() const { return std::min(listed, report_.holders.size()); }

  // For every pixel the moment at which most is alive.
  void gather() {
    for_each_moment(graph_, [&](const MemoryMoment& m) {
      last_tick_ = m.tick;
      backward_from_ = m.backward && backward_from_ < 0 ? m.tick : backward_from_;
    });
    std::int64_t pixel = -1;
    for_each_moment(graph_, [&](const MemoryMoment& m) {
      const std::int64_t at = static_cast<std::int64_t>(x_of(m.tick));
      if (at != pixel)
        moments_.push_back(m);
      else if (m.total() > moments_.back().total())
        moments_.back() = m;
      pixel = at;
    });
    axis_ = linear_axis(0, static_cast<double>(std::max<std::int64_t>(1, report_.peak_bytes)), 6);
  }

  double x_of(std::int64_t tick) const {
    return left + plot_width * static_cast<double>(tick) / static_cast<double>(std::max<std::int64_t>(1, last_tick_));
  }
  double y_of(double bytes) const { return top_ + plot_height * (1 - bytes / axis_.high); }

  void draw_axes() {
    const Theme& t = canvas_.theme();
    for (const Tick& tick : axis_.ticks) {
      canvas_.line(left, y_of(tick.value), left + plot_width, y_of(tick.value), t.grid);
      canvas_.text(left - 8, y_of(tick.value) + 4, bytes_text(static_cast<std::int64_t>(tick.value)), 10.5, t.soft,
                   SvgCanvas::Anchor::end);
    }
    const double bottom = top_ + plot_height;
    const double turn = backward_from_ < 0 ? left + plot_width : x_of(backward_from_);
    canvas_.text((left + turn) / 2, bottom + 20, "forward: nodes in recording order", 11.5, t.soft,
                 SvgCanvas::Anchor::middle);
    if (backward_from_ < 0) return;
    canvas_.line(turn, top_ - 6, turn, bottom + 8, t.faint);
    canvas_.text((turn + left + plot_width) / 2, bottom + 20, "backward: the same nodes, from the loss down", 11.5,
                 t.soft, SvgCanvas::Anchor::middle);
  }

  void draw_layers() {
    std::vector<std::int64_t> floor(moments_.size(), 0);
    for (const Layer& layer : layers) {
      if (std::none_of(moments_.begin(), moments_.end(), [&](auto& m) { return m.*layer.bytes > 0; })) continue;
      std::string upper, lower;
      for (std::size_t k = 0; k < moments_.size(); ++k) {
        const double x = x_of(moments_[k].tick);
        const double base = y_of(static_cast<double>(floor[k]));
        floor[k] += moments_[k].*layer.bytes;
        // A step: memory is held until the next event.
        const double end = k + 1 < moments_.size() ? x_of(moments_[k + 1].tick) : left + plot_width;
        const double head = y_of(static_cast<double>(floor[k]));
        upper += fmt::format("L{:.1f} {:.1f}H{:.1f}", x, head, end);
        lower = fmt::format("L{:.1f} {:.1f}H{:.1f}", end, base, x) + lower;
      }
      canvas_.put("<path d=\"M{}{}Z\" fill=\"{}\" stroke=\"{}\" stroke-width=\".6\"><title>{}</title></path>\n",
                  upper.substr(1), lower, kind_color(layer.kind), canvas_.theme().paper, layer.name);
    }
  }

  void draw_peak() {
    const Theme& t = canvas_.theme();
    const double x = x_of(report_.peak_tick), y = y_of(static_cast<double>(report_.peak_bytes));
    canvas_.put("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\" stroke=\"{}\"/>\n", x, y, t.ink, t.paper);
    const bool at_left = x < left + plot_width / 2;
    canvas_.text(at_left ? x + 8 : x - 8, y - 8,
                 fmt::format("peak {} {}", bytes_text(report_.peak_bytes),
                             report_.peak_in_flush ? "while queued parameter gradients are summed"
                                                   : "at " + shorten(node_line(graph_, report_.peak_node), 60)),
                 11.5, t.ink, at_left ? SvgCanvas::Anchor::start : SvgCanvas::Anchor::end, true);
  }

  void draw_legend() {
    double x = left;
    const double y = top_ + plot_height + 44;
    const std::int64_t parts[] = {report_.values, report_.saved, report_.bookkeeping, report_.gradients,
                                  report_.scratch};
    for (std::size_t k = 0; k < std::size(layers); ++k) {
      const std::string words = fmt::format("{} {}", layers[k].name, bytes_text(parts[k]));
      canvas_.rect(x, y - 10, 12, 12, kind_color(layers[k].kind));
      canvas_.text(x + 18, y, words);
      x += 34 + SvgCanvas::text_width(words, 11);
    }
  }

  void draw_holders() {
    const double from = top_ + plot_height + 82;
    if (holders() == 0) return;
    canvas_.text(left, from, "Who is alive at the peak", 12, canvas_.theme().ink, SvgCanvas::Anchor::start, true);
    const double most = static_cast<double>(report_.holders[0].bytes);
    for (std::size_t k = 0; k < holders(); ++k) {
      const MemoryHolder& h = report_.holders[k];
      const double y = from + 20 + 18.0 * static_cast<double>(k);
      canvas_.rect(left, y - 10, 160 * static_cast<double>(h.bytes) / most, 12, kind_color(0));
      canvas_.text(left + 168, y, fmt::format("{}  {} \xC3\x97{}", bytes_text(h.bytes), shorten(h.what, 90), h.count));
    }
  }

  const Graph& graph_;
  const GraphStyle& style_;
  SvgCanvas canvas_;
  MemoryReport report_;
  std::vector<MemoryMoment> moments_;
  Axis axis_;
  double top_ = 0;
  std::int64_t last_tick_ = 0;
  std::int64_t backward_from_ = -1;
};

}  // namespace

std::string memory_view(const Graph& graph, const GraphStyle& style) { return MemoryView(graph, style).run(); }

}  // namespace unspool::detail
