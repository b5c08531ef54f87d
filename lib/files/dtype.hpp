// The element types of the safetensors format: their names, sizes, and conversion to float and double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "unspool/scalar.hpp"

namespace unspool::detail {

/// Position in the table of dtypes.
enum class Dtype : std::uint8_t {};

std::optional<Dtype> find_dtype(std::string_view name) noexcept;
std::string_view dtype_name(Dtype dtype) noexcept;
int dtype_bits(Dtype dtype) noexcept;

/// Bytes of `count` elements; nothing when that is no whole number of bytes or overflows.
std::optional<std::uint64_t> dtype_bytes(Dtype dtype, std::uint64_t count) noexcept;

/// F16, BF16, F32 and F64.
bool is_convertible(Dtype dtype) noexcept;
/// Converts out.size() elements that `bytes` holds, aligned or not. F64 to float rounds to nearest even.
template <RealScalar T>
void convert(Dtype dtype, std::span<const std::byte> bytes, std::span<T> out) noexcept;

float half_to_float(std::uint16_t bits) noexcept;
float bfloat_to_float(std::uint16_t bits) noexcept;

}  // namespace unspool::detail
