// The scalar types that tapes, parameters and ops exist for.
#pragma once

#include <concepts>
#include <cstdint>

#include "unspool/dual.hpp"

namespace unspool {

/// Position in every per-scalar table. A further scalar is a further row here and in OpRule.
enum class ScalarType : std::uint8_t { float32, float64, dual64 };
inline constexpr int scalar_type_count = 3;

/// The numbers that models are trained in.
template <class T>
concept RealScalar = std::same_as<T, float> || std::same_as<T, double>;

/// Real numbers, and the numbers that carry their derivatives.
template <class T>
concept Scalar = RealScalar<T> || std::same_as<T, Dual<double>>;

template <Scalar T>
inline constexpr ScalarType scalar_type = std::same_as<T, float>    ? ScalarType::float32
                                          : std::same_as<T, double> ? ScalarType::float64
                                                                    : ScalarType::dual64;

namespace detail {

template <class T>
struct Widest {
  using Type = double;
};
template <class T>
struct Widest<Dual<T>> {
  using Type = Dual<double>;
};

}  // namespace detail

/// The scalar with the precision of double: what long sums are collected in.
template <Scalar T>
using Wide = typename detail::Widest<T>::Type;

inline constexpr std::int64_t scalar_bytes(ScalarType type) {
  return type == ScalarType::float32 ? 4 : type == ScalarType::float64 ? 8 : 16;
}
inline constexpr const char* scalar_name(ScalarType type) {
  return type == ScalarType::float32 ? "float32" : type == ScalarType::float64 ? "float64" : "dual64";
}

}  // namespace unspool
