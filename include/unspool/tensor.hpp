// Tensor: a shape and its values, row-major and contiguous, owned. What goes in and out of tapes and parameters.
#pragma once

#include <span>
#include <vector>

#include "unspool/scalar.hpp"
#include "unspool/shape.hpp"

namespace unspool {

/// A plain value: copying it copies the numbers. Rank 0 holds one number.
template <Scalar T = float>
class Tensor {
 public:
  /// A scalar 0.
  Tensor() : values_(1) {}
  /// Zeros of the given shape. Throws bad_shape, out_of_memory.
  explicit Tensor(Shape shape);
  /// Takes values in row-major order. Throws shape_mismatch when their number is not shape.size().
  Tensor(Shape shape, std::vector<T> values);

  const Shape& shape() const noexcept { return shape_; }
  std::int64_t size() const noexcept { return shape_.size(); }
  /// The numbers, row-major.
  std::span<T> values() noexcept { return values_; }
  std::span<const T> values() const noexcept { return values_; }
  T* data() noexcept { return values_.data(); }
  const T* data() const noexcept { return values_.data(); }
  /// The value at a flat row-major position. Throws index_out_of_range.
  const T& operator[](std::int64_t position) const { return values_[checked(position)]; }
  T& operator[](std::int64_t position) { return values_[checked(position)]; }
  /// The only value. Throws not_scalar.
  T item() const;

  friend bool operator==(const Tensor& a, const Tensor& b) = default;

 private:
  std::size_t checked(std::int64_t position) const;

  Shape shape_;
  std::vector<T> values_;
};

Tensor(Shape, std::vector<float>)->Tensor<float>;
Tensor(Shape, std::vector<double>)->Tensor<double>;
Tensor(Shape, std::vector<Dual<double>>)->Tensor<Dual<double>>;

extern template class UNSPOOL_API Tensor<float>;
extern template class UNSPOOL_API Tensor<double>;
extern template class UNSPOOL_API Tensor<Dual<double>>;

}  // namespace unspool
