#include "dump/value_statistics.hpp"

#include <cmath>
#include <limits>

#include "base/with_scalar.hpp"
#include "unspool/maths.hpp"

namespace unspool::detail {
namespace {

template <class T>
GraphValues of(const T* values, std::int64_t count) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  constexpr double inf = std::numeric_limits<double>::infinity();
  GraphValues s{inf, -inf, 0, 0};
  for (std::int64_t i = 0; i < count; ++i) {
    const double v = maths::value(values[i]);
    if (!std::isfinite(v)) {
      ++s.nonfinite;
      continue;
    }
    s.min = v < s.min ? v : s.min;
    s.max = v > s.max ? v : s.max;
    // A running mean: the sum of large doubles would overflow.
    const double n = static_cast<double>(i + 1 - s.nonfinite);
    s.mean += v / n - s.mean / n;
  }
  if (s.nonfinite == count) s.min = s.max = s.mean = none;
  return s;
}

}  // namespace

GraphValues value_statistics(ScalarType type, const void* values, std::int64_t count) {
  return with_scalar(type, [&]<class T>() { return of(static_cast<const T*>(values), count); });
}

}  // namespace unspool::detail
