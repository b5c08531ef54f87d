#include "ops/random_mask.hpp"

#include "tape/tape_core.hpp"

namespace unspool {

Attrs mask_attrs(const detail::Handle& x, double p) {
  detail::TapeCore* tape = x.tape();
  const bool draws = tape != nullptr && p > 0 && p < 1;
  const std::uint64_t seed = draws ? tape->options().seed : 0, draw = draws ? tape->next_draw() : 0;
  return Attrs(p, seed, draw);
}

}  // namespace unspool
