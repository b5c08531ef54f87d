// Counting and failing allocations. A binary that links allocations.cpp has its operator new replaced; counts are per
// thread, and nothing fails unless a FailAllocation lives.
#pragma once

#include <cstdint>

namespace unspool::test {

/// Calls of operator new by this thread so far.
std::int64_t allocation_count();
/// Bytes that this thread has allocated and not freed.
std::int64_t living_bytes();
/// The most of them at once since restart_peak().
std::int64_t peak_bytes();
void restart_peak();

/// While it lives, this thread's allocation number `after` (from 0) throws std::bad_alloc, once.
class FailAllocation {
 public:
  explicit FailAllocation(std::int64_t after);
  FailAllocation(const FailAllocation&) = delete;
  ~FailAllocation();
  bool happened() const;
};

}  // namespace unspool::test
