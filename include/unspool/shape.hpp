// Shape: the extents of a tensor, outermost first, row-major.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "unspool/export.hpp"

namespace unspool {

/// A small inline list of at most 8 extents. Rank 0 is a scalar with one element. Extents may be 0.
class UNSPOOL_API Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() noexcept = default;
  /// Throws bad_shape for a negative extent, more than 8 axes, or more than 2^56 elements.
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const std::int64_t> extents);

  /// Extents that are known to be valid, those of a recorded value: no checks, no divisions.
  static Shape trusted(const std::int64_t* extents, int rank) noexcept {
    Shape s;
    s.rank_ = rank;
    for (int axis = 0; axis < rank; ++axis) s.size_ *= s.extents_[axis] = extents[axis];
    return s;
  }

  int rank() const noexcept { return rank_; }
  /// Product of the extents; 1 for a scalar.
  std::int64_t size() const noexcept { return size_; }
  /// Whether an extent is 0.
  bool empty() const noexcept { return size_ == 0; }
  /// Extent of an axis; negative axes count from the end. Throws bad_axis.
  std::int64_t operator[](int axis) const {
    const int counted = axis < 0 ? axis + rank_ : axis;
    if (counted < 0 || counted >= rank_) [[unlikely]]
      reject_axis(axis);
    return extents_[counted];
  }
  std::span<const std::int64_t> extents() const noexcept { return {extents_, static_cast<std::size_t>(rank_)}; }

  friend UNSPOOL_API bool operator==(const Shape& a, const Shape& b) noexcept;

  /// "[32,64]"; "[]" for a scalar.
  std::string to_string() const;

 private:
  void reject_axis(int axis) const;

  std::int64_t extents_[max_rank] = {};
  std::int64_t size_ = 1;
  int rank_ = 0;
};

/// The NumPy broadcast of two shapes: axes are aligned at the end; extents must be equal or 1.
/// Returns false, leaving `result` alone, when they cannot be broadcast.
UNSPOOL_API bool broadcast(const Shape& a, const Shape& b, Shape& result);

/// `axis` counted from the front: 0..rank-1. Throws bad_axis, naming `op`.
UNSPOOL_API int normalize_axis(int axis, int rank, const char* op);

}  // namespace unspool
