#include "dump/ticks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace unspool::detail {
namespace {

// The power of ten as a double of its own: 1e-3 and not 10 * 1e-4.
double power_of_ten(int exponent) { return std::pow(10.0, exponent); }

struct Step {
  double mantissa;
  int exponent;
  double value() const {
    return exponent >= 0 ? mantissa * power_of_ten(exponent) : mantissa / power_of_ten(-exponent);
  }
};

Step nice_step(double least) {
  const int exponent = static_cast<int>(std::floor(std::log10(least)));
  for (const double mantissa : {1.0, 2.0, 5.0})
    if (Step{mantissa, exponent}.value() >= least * (1 - 1e-9)) return {mantissa, exponent};
  return {1, exponent + 1};
}

std::string linear_label(double value, const Step& step, double largest) {
  if (value == 0) return "0";
  if (largest >= 1e6 || step.exponent < -5) return fmt::format("{:.6g}", value);
  return fmt::format("{:.{}f}", value, std::max(0, -step.exponent));
}

std::string superscript(int number) {
  static constexpr const char* digits[] = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                           "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  std::string text;
  for (const char c : fmt::format("{}", number)) text += c == '-' ? "\u207b" : digits[c - '0'];
  return text;
}

std::string log_label(int mantissa, int exponent) {
  if (exponent >= -3 && exponent <= 3)
    return fmt::format("{:.{}f}", mantissa * std::pow(10.0, exponent), std::max(0, -exponent));
  return mantissa == 1 ? "10" + superscript(exponent) : fmt::format("{}\u00b710{}", mantissa, superscript(exponent));
}

}  // namespace

Axis linear_axis(double low, double high, int count, bool whole) {
  // A span that a double cannot hold, or that vanishes beside its place, is widened or cut to one that can be divided.
  low = std::clamp(low, -1e300, 1e300);
  high = std::clamp(high, -1e300, 1e300);
  const double resolution = std::max({std::abs(low), std::abs(high), 1e-300}) * 1e-12;
  if (high - low < resolution) {
    const double room = low == 0 && high == 0 ? 1 : std::max(std::abs(low) * 0.1, 1e-300);
    low -= whole ? 1 : room;
    high += whole ? 1 : room;
  }
  Step step = nice_step((high - low) / count);
  if (whole && step.exponent < 0) step = {1, 0};
  const double unit = step.value();
  const std::int64_t first =
      static_cast<std::int64_t>(whole ? std::ceil(low / unit - 1e-9) : std::floor(low / unit + 1e-9));
  const std::int64_t last =
      static_cast<std::int64_t>(whole ? std::floor(high / unit + 1e-9) : std::ceil(high / unit - 1e-9));
  Axis axis;
  const double largest = std::max(std::abs(low), std::abs(high));
  for (std::int64_t k = first; k <= last; ++k) {
    const double value = step.exponent >= 0 ? static_cast<double>(k) * unit
                                            : static_cast<double>(k) * step.mantissa / power_of_ten(-step.exponent);
    axis.ticks.push_back({value, linear_label(value, step, largest)});
  }
  axis.low = whole || axis.ticks.empty() ? low : axis.ticks.front().value;
  axis.high = whole || axis.ticks.empty() ? high : axis.ticks.back().value;
  return axis;
}

Axis log_axis(double low, double high, int count) {
  low = std::clamp(low, 1e-300, 1e300);
  high = std::clamp(high, 1e-300, 1e300);
  const int first = static_cast<int>(std::floor(std::log10(low)));
  const int last = static_cast<int>(std::ceil(std::log10(high)));
  Axis axis;
  if (last - first <= 2) {
    std::vector<Tick> all;
    for (int e = first; e <= last; ++e)
      for (const int mantissa : {1, 2, 5}) all.push_back({mantissa * std::pow(10.0, e), log_label(mantissa, e)});
    // From the last tick at or below the data to the first at or above it.
    for (std::size_t k = 0; k < all.size(); ++k) {
      const bool below = k + 1 < all.size() && all[k + 1].value <= low * (1 + 1e-9);
      const bool above = k > 0 && all[k - 1].value >= high * (1 - 1e-9) && axis.ticks.size() >= 2;
      if (!below && !above) axis.ticks.push_back(all[k]);
    }
  } else {
    const int stride = std::max(1, (last - first + count - 1) / count);
    for (int e = first; e < last + stride; e += stride) axis.ticks.push_back({std::pow(10.0, e), log_label(1, e)});
  }
  axis.low = axis.ticks.front().value;
  axis.high = axis.ticks.back().value;
  return axis;
}

}  // namespace unspool::detail
