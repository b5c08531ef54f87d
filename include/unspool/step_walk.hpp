// StepWalk: which rows of a batch of sequences have each step, longest row first.
#pragma once

#include <cstdint>
#include <span>

#include "unspool/export.hpp"

namespace unspool::detail {

/// Walks the steps that have rows, first to last or last to first.
class UNSPOOL_API StepWalk {
 public:
  StepWalk(std::span<const std::int64_t> lengths, std::span<const std::int64_t> order, bool reverse);
  /// Moves to the first, then to the next step; false after the last.
  bool next() {
    if (reverse_) return previous();
    if (step_ >= 0) first_ += rows_;
    if (++step_ >= count_) return false;
    while (length(rows_ - 1) <= step_) --rows_;
    return true;
  }
  std::int64_t step() const { return step_; }
  std::int64_t rows() const { return rows_; }    // that have the step
  std::int64_t first() const { return first_; }  // packed row of the step
  std::int64_t count() const { return count_; }  // steps in all

 private:
  bool previous();
  std::int64_t length(std::int64_t place) const {
    return lengths_[static_cast<std::size_t>(order_[static_cast<std::size_t>(place)])];
  }

  std::span<const std::int64_t> lengths_, order_;
  bool reverse_;
  std::int64_t count_, step_, rows_, first_;
};

/// The order is 0, 1, 2, ...
UNSPOOL_API bool is_identity(std::span<const std::int64_t> order);
UNSPOOL_API void invert(std::span<const std::int64_t> order, std::span<std::int64_t> inverse);
/// The place in the batch of every packed row.
UNSPOOL_API void packed_rows(std::span<const std::int64_t> lengths, std::span<const std::int64_t> order,
                             std::span<std::int64_t> rows);

}  // namespace unspool::detail
