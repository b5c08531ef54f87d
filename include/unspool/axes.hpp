// Axes: which axes an op works along. Stands in for an int or a braced list: sum(x, 0), mean(x, {0, -1}).
#pragma once

#include <initializer_list>
#include <span>

namespace unspool {

/// A small inline list of axes; negative ones count from the end. For a reduction the empty list means every axis.
/// Ops reject, with bad_axis, an axis that is out of range or named twice.
class Axes {
 public:
  constexpr Axes() noexcept = default;
  constexpr Axes(int axis) noexcept : axes_{axis}, count_(1) {}
  constexpr Axes(std::initializer_list<int> axes) noexcept : Axes(std::span<const int>(axes.begin(), axes.size())) {}
  constexpr explicit Axes(std::span<const int> axes) noexcept {
    for (const int axis : axes)
      if (count_ < capacity) axes_[count_++] = axis;
  }

  constexpr int size() const noexcept { return count_; }
  constexpr bool empty() const noexcept { return count_ == 0; }
  constexpr int operator[](int i) const noexcept { return axes_[i]; }
  constexpr const int* begin() const noexcept { return axes_; }
  constexpr const int* end() const noexcept { return axes_ + count_; }

 private:
  // One more than a shape's most axes: of nine, one is always out of range or repeated, so a list that is too long
  // is rejected like any other wrong one although its tail is not kept.
  static constexpr int capacity = 9;
  int axes_[capacity] = {};
  int count_ = 0;
};

}  // namespace unspool
