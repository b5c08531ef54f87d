#include "unspool/unroll.hpp"

#include "base/check.hpp"
#include "unspool/truncated.hpp"

namespace unspool::detail {

void check_steps(std::int64_t steps) {
  require(steps >= 0, ErrorCode::bad_argument, "unroll", "the number of steps must not be negative; given {}", steps);
  require(steps > 0, ErrorCode::empty_sequence, "unroll", "a sum of losses needs a step; given none");
}

void check_truncation(std::int64_t every, std::int64_t back) {
  require(every > 0 && back >= every, ErrorCode::bad_argument, "TruncatedBptt",
          "gradients must go back over at least the steps of a window, and those be above 0; given {} and {}", back,
          every);
}

}  // namespace unspool::detail
