#include "unspool/step_walk.hpp"

namespace unspool::detail {

StepWalk::StepWalk(std::span<const std::int64_t> lengths, std::span<const std::int64_t> order, bool reverse)
    : lengths_(lengths),
      order_(order),
      reverse_(reverse),
      rows_(reverse ? 0 : static_cast<std::int64_t>(order.size())) {
  count_ = order.empty() ? 0 : length(0);
  step_ = reverse ? count_ : -1;
  first_ = 0;
  if (reverse)
    for (const std::int64_t n : lengths) first_ += n;
}

bool StepWalk::previous() {
  if (step_ == 0) return false;
  --step_;
  while (rows_ < static_cast<std::int64_t>(order_.size()) && length(rows_) > step_) ++rows_;
  first_ -= rows_;
  return true;
}

bool is_identity(std::span<const std::int64_t> order) {
  for (std::size_t i = 0; i < order.size(); ++i)
    if (order[i] != static_cast<std::int64_t>(i)) return false;
  return true;
}

void invert(std::span<const std::int64_t> order, std::span<std::int64_t> inverse) {
  for (std::size_t i = 0; i < order.size(); ++i)
    inverse[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
}

void packed_rows(std::span<const std::int64_t> lengths, std::span<const std::int64_t> order,
                 std::span<std::int64_t> rows) {
  StepWalk walk(lengths, order, false);
  while (walk.next())
    for (std::int64_t i = 0; i < walk.rows(); ++i)
      rows[static_cast<std::size_t>(walk.first() + i)] = order[static_cast<std::size_t>(i)];
}

}  // namespace unspool::detail
