// Local gradients: parameter gradients that stay on the tape, so that several tapes may be walked at once.
#pragma once

#include "tape/tape_core.hpp"

namespace unspool::detail {

/// Resets the tape. Until the next reset, backward() leaves parameters alone and collects their gradients here.
void begin_local(TapeCore& tape, const TapeOptions& options);

/// Calls f(parameter, gradient) for every parameter that the walk reached, in the order of their first use. The gradients
/// live until the tape is reset.
template <class F>
void for_each_local_gradient(TapeCore& tape, F f) {
  for (std::size_t i = 0; i < tape.leaf_count(); ++i) {
    const std::uint32_t node = tape.leaf_node(i);
    if (void* gradient = tape.gradient(node)) f(*tape.node(node).parameter, gradient);
  }
}

}  // namespace unspool::detail
