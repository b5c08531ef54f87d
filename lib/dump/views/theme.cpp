#include "dump/views/theme.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace unspool::detail {
namespace {

constexpr Theme light = {
    "#fff",    "#263238", "#546e7a", "#78909c", "#78909c", "#b0bec5", "#e6eaed", "#f5f7f9",
    "#fafbfc", "#cfd8dc", "#fff",    "#90a4ae", "#e6f4ea", "#43a047", "#f5f5f5", "#b0bec5",
    "#dbeafb", "#1e78c8", "#fff0dc", "#ef8a17", "#1e78c8", "#d9541e", "#fff",
};
constexpr Theme dark = {
    "#14191d", "#e6ecef", "#a9b8c0", "#83959f", "#8496a0", "#55656e", "#2a343a", "#1c2328",
    "#181e22", "#3b4951", "#222b31", "#62747e", "#1d3326", "#5fbf6e", "#262c30", "#55656e",
    "#16324d", "#56a8f0", "#40301a", "#f0a445", "#56a8f0", "#ff8a5c", "#fff",
};
// Greys that survive a copier; strokes and shapes tell the roles apart.
constexpr Theme print = {
    "#fff", "#000", "#222", "#444", "#333",    "#999", "#ddd", "#fff", "#fff", "#888", "#fff", "#444",
    "#fff", "#000", "#fff", "#888", "#e4e4e4", "#000", "#fff", "#000", "#000", "#555", "#fff",
};

// Stops of viridis (van der Walt and Smith, 2015).
constexpr std::array<std::array<int, 3>, 10> stops = {{{68, 1, 84},
                                                       {72, 40, 120},
                                                       {62, 74, 137},
                                                       {49, 104, 142},
                                                       {38, 130, 142},
                                                       {31, 158, 137},
                                                       {53, 183, 121},
                                                       {110, 206, 88},
                                                       {181, 222, 43},
                                                       {253, 231, 37}}};

}  // namespace

const Theme& theme_of(GraphTheme theme) {
  return theme == GraphTheme::dark ? dark : theme == GraphTheme::print ? print : light;
}

const char* kind_color(std::size_t kind) {
  // After Paul Tol's light scheme.
  static constexpr const char* colors[] = {"#77aadd", "#ee8866", "#44bb99", "#eedd88", "#ffaabb",
                                           "#99ddff", "#bbcc33", "#aaaa00", "#c5a3d9", "#b0b8be"};
  return colors[kind % std::size(colors)];
}

std::string scale_color(double share) {
  const double at = std::clamp(share, 0.0, 1.0) * (stops.size() - 1);
  const std::size_t low = std::min<std::size_t>(stops.size() - 2, static_cast<std::size_t>(at));
  int c[3];
  for (std::size_t k = 0; k < 3; ++k)
    c[k] = static_cast<int>(
        std::lround(stops[low][k] + (at - static_cast<double>(low)) * (stops[low + 1][k] - stops[low][k])));
  return fmt::format("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]);
}

bool scale_is_dark(double share) { return share < 0.6; }

void LogScale::add(double value) {
  if (!(value > 0) || std::isinf(value)) return;
  low_ = std::min(low_, std::log10(value));
  high_ = std::max(high_, std::log10(value));
}

double LogScale::share(double value) const {
  if (!(value > 0) || !known()) return 0;
  if (high_ - low_ < 0.5) return 0.5 + (std::log10(value) - (low_ + high_) / 2);
  return std::clamp((std::log10(value) - low_) / (high_ - low_), 0.0, 1.0);
}

}  // namespace unspool::detail
