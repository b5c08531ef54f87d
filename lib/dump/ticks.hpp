// Ticks: round numbers along an axis, and how they are written.
#pragma once

#include <string>
#include <vector>

namespace unspool::detail {

struct Tick {
  double value;
  std::string label;
};

struct Axis {
  double low = 0;  ///< the axis runs from here ...
  double high = 1;
  std::vector<Tick> ticks;
};

/// About `count` ticks at 1, 2 or 5 times a power of ten; the axis ends at ticks. Both ends finite, low <= high. With
/// `whole` no tick stands between whole numbers, and the axis ends at its data.
Axis linear_axis(double low, double high, int count, bool whole = false);

/// Ticks at powers of ten, or at 1, 2 and 5 times them where the range is short. Both ends finite and positive.
Axis log_axis(double low, double high, int count);

}  // namespace unspool::detail
