// Counted: what a Shared counts. Derive from it and define retain and release beside the type.
#pragma once

#include <atomic>

namespace unspool::detail {

class Counted {
 public:
  void take() const noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
  /// True for the last owner, who then sees all that the others wrote.
  bool give_back() const noexcept { return owners_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

 private:
  mutable std::atomic<long> owners_ = 1;
};

}  // namespace unspool::detail
