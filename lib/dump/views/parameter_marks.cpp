#include "dump/views/parameter_marks.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "dump/attr_text.hpp"

namespace unspool::detail {
namespace {

constexpr double half = Frame::half;
constexpr double gap = 2;    // between badges
constexpr double clear = 5;  // between a badge and the arrow beside it

double width_of(double sum, std::size_t count) { return sum + gap * static_cast<double>(count - 1); }

}  // namespace

ParameterMarks::Badges ParameterMarks::badges_of(std::uint32_t node, bool dots) const {
  Badges badges;
  for (const std::uint32_t k : parameters_of(graph_, placement_, node)) {
    const std::string text = dots ? "" : parameter_symbol(graph_.parameters[k].name);
    badges.push_back({k, text, Legend::symbol_width(text)});
  }
  return badges;
}

void ParameterMarks::draw_badges(std::uint32_t node, std::span<const Route> carries) {
  if (style_.parameters == ParameterStyle::nodes) return;
  const bool lane = style_.parameters == ParameterStyle::lane;  // it has the names
  Badges badges = badges_of(node, lane);
  if (badges.empty()) return;
  const auto total = [&] {
    double sum = 0;
    for (const Badge& b : badges) sum += b.width;
    return width_of(sum, badges.size());
  };
  const double node_width = frame_.right(node) - frame_.left(node);
  const std::vector<Route> routes = frame_.routes_into(node);
  if (on_carry(badges, total(), routes) || on_carry(badges, total(), carries)) return;
  if (placement_.cell[node] == Placement::bar && total() + 160 < node_width)
    return row(badges, frame_.right(node) - 8 - total(), frame_.y(node) - Legend::badge_height / 2);
  if (total() > node_width + frame_.options().node_gap - 4) badges = badges_of(node, true);
  below(node, badges, routes);
}

// Where the arrow from the step before is level, free and long enough.
bool ParameterMarks::on_carry(const Badges& badges, double total, std::span<const Route> routes) {
  for (const Route& route : routes) {
    if (route.constant && style_.phase == GraphPhase::backward) continue;  // it is not drawn
    const Point start = route.points.front(), end = route.points.back();
    if (!route.carries || !route.level || std::abs(end.x - start.x) < total + 28) continue;
    row(badges, (start.x + end.x - total) / 2, start.y - Legend::badge_height / 2);
    return true;
  }
  return false;
}

// Half of them to the left of the arrows that come from below, half to the right.
void ParameterMarks::below(std::uint32_t node, const Badges& badges, const std::vector<Route>& routes) {
  double first = frame_.x(node), last = frame_.x(node), sum = 0;
  bool any = false;
  for (const Route& route : routes) {
    const Point end = route.points.back();
    if (end.y < frame_.y(node) + half) continue;
    first = any ? std::min(first, end.x) : end.x;
    last = any ? std::max(last, end.x) : end.x;
    any = true;
  }
  for (const Badge& b : badges) sum += b.width;
  const double top = frame_.y(node) + half + 3;
  const double reach = frame_.right(node) - frame_.left(node) + frame_.options().node_gap - 4;
  if (!any || last - first + 2 * clear + width_of(sum, badges.size()) > reach + 12)
    return row(badges, frame_.x(node) - width_of(sum, badges.size()) / 2, top);
  const std::size_t before = badges.size() / 2;
  const std::span<const Badge> all(badges);
  double left = 0;
  for (const Badge& b : all.first(before)) left += b.width;
  if (before > 0) row(all.first(before), first - clear - width_of(left, before), top);
  row(all.subspan(before), last + clear, top);
}

void ParameterMarks::row(std::span<const Badge> badges, double left, double top) {
  for (const Badge& b : badges) {
    Legend::symbol(canvas_, graph_, uses_, b.parameter, left, top, b.text);
    left += b.width + gap;
  }
}

void ParameterMarks::draw_lanes(double left, double right, double first_y) {
  std::set<std::pair<std::uint32_t, long>> taps;
  for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
    if (frame_.visible(i))
      for (const std::uint32_t k : parameters_of(graph_, placement_, i)) {
        const std::uint32_t c = placement_.cell[i];
        const double x = placement_.in_cell(i) ? frame_.cell_left(c) + frame_.cell_width(c) / 2 : frame_.x(i);
        taps.insert({k, std::lround(x)});
      }
  for (std::uint32_t k = 0; k < graph_.parameters.size(); ++k) {
    const double y = first_y + lane_pitch * k;
    canvas_.line(left, y, right, y, parameter_color(k), 2);
    for (const auto& [parameter, x] : taps)
      if (parameter == k)
        canvas_.put("<circle cx=\"{}\" cy=\"{:.0f}\" r=\"4.5\" fill=\"{}\" stroke=\"{}\"/>\n", x, y, parameter_color(k),
                    canvas_.theme().paper);
    Legend::badge(canvas_, graph_, uses_, k, left, y - Legend::badge_height / 2,
                  shorten(graph_.parameters[k].name, 24));
  }
}

void ParameterMarks::draw_nodes(double left, double right, double y) {
  const std::size_t count = graph_.parameters.size();
  const double pitch = (right - left) / static_cast<double>(std::max<std::size_t>(1, count));
  const auto x_of = [&](std::uint32_t k) { return left + (k + 0.5) * pitch; };
  for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
    if (!frame_.visible(i)) continue;
    for (const std::uint32_t k : parameters_of(graph_, placement_, i)) {
      const double to = frame_.y(i) + half;
      canvas_.put(
          "<path d=\"M{0:.0f} {1:.0f}C{0:.0f} {2:.0f} {3:.0f} {4:.0f} {3:.0f} {5:.0f}\" fill=\"none\" "
          "stroke=\"{6}\" stroke-opacity=\".6\" stroke-dasharray=\"4 3\"/>\n",
          x_of(k), y - 14, y - 70, frame_.x(i), to + 50, to + 2, parameter_color(k));
    }
  }
  for (std::uint32_t k = 0; k < count; ++k) {
    const std::string name =
        shorten(graph_.parameters[k].name, static_cast<std::size_t>(std::max(0.0, pitch - 16) / 6.4));
    Legend::badge(canvas_, graph_, uses_, k, x_of(k) - Legend::badge_width(name) / 2, y - Legend::badge_height, name);
  }
}

}  // namespace unspool::detail
