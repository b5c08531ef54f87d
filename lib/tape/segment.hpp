// Segment: a part of a recording that is forgotten and recorded anew when the walk back comes to it.
//
// A segment is a node without a value whose operands are what the part reads from outside, followed by one node for each
// of its results. The walk reaches the results first; their gradients are complete, and kept, when it comes to the
// segment's own node. There the segment records its part again at the end of the tape, with the very operands that it
// had, so that gradients flow into the same buffers in the same order as if nothing had been forgotten; walks it; and
// cuts it off.
//
// What segments record lies in an arena of its own. What users record after a segment then does not lie on top of it.
#pragma once

#include <cstdint>
#include <vector>

#include "tape/arena.hpp"
#include "unspool/plan.hpp"

namespace unspool::detail {

class TapeCore;

class Segment {
 public:
  virtual ~Segment() = default;
  /// Walks back over the part. The gradients of its results lie in the nodes behind its own.
  virtual void walk() = 0;
};

struct SegmentStart {
  std::uint32_t nodes = 0;
  Arena::Position arena;
  std::uint32_t contexts = 0;
};

/// What segments have done since the tape's last reset.
struct SegmentCounts {
  std::int64_t forwards = 0;          // steps computed, the first time included
  std::int64_t planned_forwards = 0;  // by all plans
  std::int64_t peak_bytes = 0;        // the most that one budget's segments had at once
  Plan plan;                          // of the last unroll within a budget
  std::vector<std::int64_t> groups;   // for each shared budget, what lies between its segments and what they hold
};

}  // namespace unspool::detail
