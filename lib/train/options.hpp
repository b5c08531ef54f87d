// Range checks of the optimisers' options. Written so that NaN is rejected too.
#pragma once

#include <cmath>

#include "base/check.hpp"

namespace unspool::detail {

inline void check_at_least_zero(const char* optimizer, const char* option, double value) {
  require(std::isfinite(value) && value >= 0, ErrorCode::bad_argument, optimizer,
          "{} must be finite and at least 0; given {}", option, value);
}

/// A factor that a running mean keeps of itself.
inline void check_decay(const char* optimizer, const char* option, double value) {
  require(value >= 0 && value < 1, ErrorCode::bad_argument, optimizer, "{} must be in 0..1, 1 excluded; given {}",
          option, value);
}

}  // namespace unspool::detail
