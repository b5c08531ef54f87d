// Masks: which steps of a padded batch count, in the form that losses take.
#pragma once

#include <cstdint>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/ids.hpp"

namespace unspool {

/// mask[t * B + b] = 1 where t < lengths[b], else 0, for `steps` steps and B = lengths.size() rows, time first:
///
///   us::cross_entropy(logits, targets, us::step_mask(lengths, T));   // logits [T,B,C]
///
/// Throws bad_argument for a length outside 0..steps or a negative number of steps.
UNSPOOL_API std::vector<std::uint8_t> step_mask(const Ids& lengths, std::int64_t steps);

}  // namespace unspool
