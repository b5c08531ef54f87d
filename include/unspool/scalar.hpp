// The scalar types that tapes, parameters and ops exist for.
#pragma once

#include <concepts>
#include <cstdint>

namespace unspool {

/// Position in every per-scalar table. A further scalar (a dual number) is a further row here and in OpRule.
enum class ScalarType : std::uint8_t { float32, float64 };
inline constexpr int scalar_type_count = 2;

template <class T>
concept Scalar = std::same_as<T, float> || std::same_as<T, double>;

template <Scalar T>
inline constexpr ScalarType scalar_type = std::same_as<T, float> ? ScalarType::float32 : ScalarType::float64;

inline constexpr std::int64_t scalar_bytes(ScalarType type) { return type == ScalarType::float32 ? 4 : 8; }
inline constexpr const char* scalar_name(ScalarType type) {
  return type == ScalarType::float32 ? "float32" : "float64";
}

}  // namespace unspool
