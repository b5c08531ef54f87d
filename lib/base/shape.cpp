#include "unspool/shape.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace unspool {
namespace {

// Above this many elements no machine could hold the tensor, and byte counts of any scalar would overflow 64 bits.
constexpr std::int64_t max_elements = std::int64_t{1} << 56;

}  // namespace

Shape::Shape(std::span<const std::int64_t> extents) {
  detail::require(extents.size() <= static_cast<std::size_t>(max_rank), ErrorCode::bad_shape, "shape",
                  "at most {} axes; given {}", max_rank, extents.size());
  rank_ = static_cast<int>(extents.size());
  bool negative = false, zero = false, too_many = false;
  for (int axis = 0; axis < rank_; ++axis) {
    const std::int64_t extent = extents_[axis] = extents[axis];
    negative |= extent < 0;
    zero |= extent == 0;
    too_many |= __builtin_mul_overflow(size_, extent, &size_) || size_ > max_elements;
  }
  detail::require(!negative, ErrorCode::bad_shape, "shape", "extents must not be negative; given {}", extents);
  if (zero) size_ = 0;  // whatever the other extents are
  detail::require(!too_many || zero, ErrorCode::bad_shape, "shape", "the element count must stay below 2^56; given {}",
                  extents);
}

void Shape::reject_axis(int axis) const { normalize_axis(axis, rank_, "shape"); }

bool operator==(const Shape& a, const Shape& b) noexcept {
  return a.rank_ == b.rank_ && std::equal(a.extents_, a.extents_ + a.rank_, b.extents_);
}

std::string Shape::to_string() const { return detail::bracketed(extents()); }

bool broadcast(const Shape& a, const Shape& b, Shape& result) {
  const int rank = std::max(a.rank(), b.rank());
  std::int64_t extents[Shape::max_rank];
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t ea = i <= a.rank() ? a.extents()[a.rank() - i] : 1;
    const std::int64_t eb = i <= b.rank() ? b.extents()[b.rank() - i] : 1;
    if (ea != eb && ea != 1 && eb != 1) return false;
    extents[rank - i] = ea == 1 ? eb : ea;
  }
  result = Shape(std::span<const std::int64_t>(extents, rank));
  return true;
}

int normalize_axis(int axis, int rank, const char* op) {
  const int counted = axis < 0 ? axis + rank : axis;
  detail::require(counted >= 0 && counted < rank, ErrorCode::bad_axis, op, "axis must be in {}..{}; given {}", -rank,
                  rank - 1, axis);
  return counted;
}

}  // namespace unspool
