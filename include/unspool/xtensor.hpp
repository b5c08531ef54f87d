// xtensor in and out of unspool, opt-in: tape.input() takes any xtensor expression, and every value and gradient can be
// seen as an xtensor adaptor without a copy. The only public header that includes xtensor.
//
// An adaptor does not own: it is valid as long as the span it stands for (a tape's until reset() or rewind(), a
// parameter's or tensor's as long as the object).
#pragma once

#if __has_include(<xtensor/containers/xadapt.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/core/xmath.hpp>
#include <xtensor/core/xnoalias.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xnoalias.hpp>
#endif

#include "unspool/loops.hpp"
#include "unspool/maths.hpp"  // xtensor's functions of duals
#include "unspool/parameter.hpp"
#include "unspool/tape.hpp"

namespace unspool {

/// Row-major values of any rank that belong to someone else. T may be const. Assign to one with xt::noalias(view) = ...
/// where the right side does not read the same memory shifted: plain assignment makes a temporary first.
template <class T>
using XtensorView =
    xt::xarray_adaptor<xt::xbuffer_adaptor<T*, xt::no_ownership, std::allocator<std::remove_const_t<T>>>,
                       xt::layout_type::row_major, xt::dynamic_shape<std::size_t>>;

namespace detail {

template <class T>
XtensorView<T> xtensor_view(T* data, std::span<const std::int64_t> extents) {
  using Buffer = xt::xbuffer_adaptor<T*, xt::no_ownership, std::allocator<std::remove_const_t<T>>>;
  xt::dynamic_shape<std::size_t> shape(extents.begin(), extents.end());
  std::size_t size = 1;
  for (const std::size_t extent : shape) size *= extent;
  return XtensorView<T>(Buffer(std::move(data), size), shape);
}

// Row-major and without gaps, so that its values can be read where they are.
template <class E, class T>
constexpr bool reads_in_place() {
  if constexpr (xt::has_data_interface<E>::value)
    return E::static_layout == xt::layout_type::row_major &&
           std::is_same_v<std::remove_const_t<typename E::value_type>, T>;
  else
    return false;
}

template <class E>
requires xt::is_xexpression<E>::value struct InputBridge<E> {
  template <class T, class F>
  static auto pass(const E& expression, F f) {
    std::vector<std::int64_t> extents;
    for (const auto extent : expression.shape()) extents.push_back(static_cast<std::int64_t>(extent));
    const Shape shape{std::span<const std::int64_t>(extents)};
    const std::size_t size = static_cast<std::size_t>(shape.size());
    if constexpr (reads_in_place<E, T>()) {
      return f(shape, std::span<const T>(expression.data() + expression.data_offset(), size));
    } else {
      std::vector<T> values(size);
      XtensorView<T> out = xtensor_view(values.data(), shape.extents());
      xt::noalias(out) = expression;
      return f(shape, std::span<const T>(values));
    }
  }
};

}  // namespace detail

/// A copy of any xtensor expression's values. Throws bad_shape for more than 8 axes.
template <Scalar T, class E>
Tensor<T> to_tensor(const xt::xexpression<E>& expression) {
  return detail::InputBridge<E>::template pass<T>(
      expression.derived_cast(), [](const Shape& shape, std::span<const T> values) {
        return Tensor<T>(shape, std::vector<T>(values.begin(), values.end()));
      });
}

/// What a rule reads or writes. Name the type or use `auto` for the adaptor, never for an expression over it.
template <class T>
XtensorView<T> as_xtensor(const View<T>& v) {
  return detail::xtensor_view(v.data, v.dims());
}

/// A recorded value. Throws stale_handle.
template <Scalar T>
XtensorView<const T> as_xtensor(const Var<T>& x) {
  return detail::xtensor_view(x.values().data(), x.shape().extents());
}
/// The gradient of a variable or kept value after backward(). Throws no_gradient, stale_handle.
template <Scalar T>
XtensorView<const T> as_xtensor_grad(const Var<T>& x) {
  return detail::xtensor_view(x.grad().data(), x.shape().extents());
}

/// A parameter's value.
template <Scalar T>
XtensorView<const T> as_xtensor(const Parameter<T>& p) {
  return detail::xtensor_view(p.values().data(), p.shape().extents());
}
/// For writing, as Parameter::mutable_values(): a tape that has read the old value will refuse to walk back.
template <Scalar T>
XtensorView<T> as_xtensor_mutable(Parameter<T>& p) {
  return detail::xtensor_view(p.mutable_values().data(), p.shape().extents());
}
/// The gradient so far; writing to it changes it.
template <Scalar T>
XtensorView<T> as_xtensor_grad(const Parameter<T>& p) {
  return detail::xtensor_view(p.grad().data(), p.shape().extents());
}

/// A tensor's values, for reading or, of one that may change, for writing.
template <Scalar T>
XtensorView<const T> as_xtensor(const Tensor<T>& x) {
  return detail::xtensor_view(x.data(), x.shape().extents());
}
template <Scalar T>
XtensorView<T> as_xtensor(Tensor<T>& x) {
  return detail::xtensor_view(x.data(), x.shape().extents());
}
template <Scalar T>
void as_xtensor(Tensor<T>&&) = delete;  // the adaptor would outlive it

}  // namespace unspool
