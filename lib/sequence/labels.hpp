// The tape behind a value, for modules that label what they record.
#pragma once

#include "base/check.hpp"
#include "unspool/tape.hpp"

namespace unspool::detail {

inline TapeCore& tape_of(const Handle& x, const char* op) {
  require(x.tape() != nullptr, ErrorCode::stale_handle, op, "the input was never recorded (a default-constructed Var)");
  return *x.tape();
}

}  // namespace unspool::detail
