#include "unspool/generate.hpp"

#include "base/check.hpp"

namespace unspool::detail {

void check_generation(const GenerateOptions& options, bool has_coin) {
  require(options.max_steps >= 0, ErrorCode::bad_argument, "generate", "max_steps must be at least 0; given {}",
          options.max_steps);
  require(options.stop.kind != Stop::Kind::length || options.stop.value >= 0, ErrorCode::bad_argument, "generate",
          "the length must be at least 0; given {}", options.stop.value);
  require(options.stop.kind != Stop::Kind::coin || has_coin, ErrorCode::bad_argument, "generate",
          "to stop by a coin, step must return a Prediction with go_on; it returns logits only");
}

}  // namespace unspool::detail
