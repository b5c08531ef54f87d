// with_scalar: from the scalar type that a tape knows at run time to code that is compiled for it.
#pragma once

#include <utility>

#include "unspool/scalar.hpp"

namespace unspool::detail {

/// f.operator()<T>() for the type's T.
template <class F>
decltype(auto) with_scalar(ScalarType type, F&& f) {
  switch (type) {
    case ScalarType::float32:
      return std::forward<F>(f).template operator()<float>();
    case ScalarType::float64:
      return std::forward<F>(f).template operator()<double>();
    case ScalarType::dual64:
      break;
  }
  return std::forward<F>(f).template operator()<Dual<double>>();
}

}  // namespace unspool::detail
