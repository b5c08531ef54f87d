#include "unspool/masks.hpp"

#include "base/check.hpp"

namespace unspool {

std::vector<std::uint8_t> step_mask(const Ids& lengths, std::int64_t steps) {
  const std::int64_t rows = lengths.size();
  detail::require(steps >= 0, ErrorCode::bad_argument, "step_mask", "steps must be at least 0; given {}", steps);
  for (std::int64_t b = 0; b < rows; ++b)
    detail::require(lengths[b] >= 0 && lengths[b] <= steps, ErrorCode::bad_argument, "step_mask",
                    "lengths must be in 0..{}; that of row {} is {}", steps, b, lengths[b]);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(Shape{steps, rows}.size()));
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t b = 0; b < rows; ++b) mask[static_cast<std::size_t>(t * rows + b)] = t < lengths[b] ? 1 : 0;
  return mask;
}

}  // namespace unspool
