#include "unspool/tensor.hpp"

#include <new>

#include "base/check.hpp"

namespace unspool {

template <Scalar T>
Tensor<T>::Tensor(Shape shape) try : shape_(shape), values_(static_cast<std::size_t>(shape.size())) {
} catch (const std::bad_alloc&) {
  detail::fail(ErrorCode::out_of_memory, "tensor", "cannot allocate a tensor of shape {}", shape.to_string());
} catch (const std::length_error&) {
  detail::fail(ErrorCode::out_of_memory, "tensor", "cannot allocate a tensor of shape {}", shape.to_string());
}

template <Scalar T>
Tensor<T>::Tensor(Shape shape, std::vector<T> values) : shape_(shape), values_(std::move(values)) {
  detail::require(static_cast<std::int64_t>(values_.size()) == shape_.size(), ErrorCode::shape_mismatch, "tensor",
                  "shape {} holds {} values; given {}", shape_, shape_.size(), values_.size());
}

template <Scalar T>
T Tensor<T>::item() const {
  detail::require(size() == 1, ErrorCode::not_scalar, "item", "one element is needed; shape is {}", shape_);
  return values_[0];
}

template <Scalar T>
std::size_t Tensor<T>::checked(std::int64_t position) const {
  detail::require(position >= 0 && position < size(), ErrorCode::index_out_of_range, "tensor",
                  "position must be in 0..{}; given {}", size() - 1, position);
  return static_cast<std::size_t>(position);
}

template class Tensor<float>;
template class Tensor<double>;
template class Tensor<Dual<double>>;

}  // namespace unspool
