#include "files/dtype.hpp"

#include <bit>
#include <cstring>
#include <limits>

namespace unspool::detail {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian and its bytes are used as they are");
static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

struct Row {
  std::string_view name;
  int bits;
  bool convertible;
};

constexpr Row rows[] = {
    {"F64", 64, true},     {"F32", 32, true},     {"F16", 16, true},     {"BF16", 16, true},    {"I64", 64, false},
    {"U64", 64, false},    {"C64", 64, false},    {"I32", 32, false},    {"U32", 32, false},    {"I16", 16, false},
    {"U16", 16, false},    {"I8", 8, false},      {"U8", 8, false},      {"BOOL", 8, false},    {"F8_E8M0", 8, false},
    {"F8_E4M3", 8, false}, {"F8_E5M2", 8, false}, {"F6_E3M2", 6, false}, {"F6_E2M3", 6, false}, {"F4", 4, false},
};

const Row& row(Dtype dtype) noexcept { return rows[static_cast<std::size_t>(dtype)]; }

template <class Stored, class T, class Widen>
void convert_each(std::span<const std::byte> bytes, std::span<T> out, Widen widen) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof stored, sizeof stored);
    out[i] = static_cast<T>(widen(stored));
  }
}

}  // namespace

std::optional<Dtype> find_dtype(std::string_view name) noexcept {
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    if (rows[i].name == name) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

std::string_view dtype_name(Dtype dtype) noexcept { return row(dtype).name; }
int dtype_bits(Dtype dtype) noexcept { return row(dtype).bits; }
bool is_convertible(Dtype dtype) noexcept { return row(dtype).convertible; }

std::optional<std::uint64_t> dtype_bytes(Dtype dtype, std::uint64_t count) noexcept {
  const auto bits = static_cast<std::uint64_t>(dtype_bits(dtype));
  // Eight elements are `bits` bytes; only the remainder can end inside a byte.
  const std::uint64_t rest = count % 8 * bits;
  if (rest % 8 != 0) return std::nullopt;
  if (count / 8 > (std::numeric_limits<std::uint64_t>::max() - rest / 8) / bits) return std::nullopt;
  return count / 8 * bits + rest / 8;
}

template <RealScalar T>
void convert(Dtype dtype, std::span<const std::byte> bytes, std::span<T> out) noexcept {
  const std::string_view name = dtype_name(dtype);
  if (name == "F64") convert_each<double>(bytes, out, [](double x) { return x; });
  if (name == "F32") convert_each<float>(bytes, out, [](float x) { return x; });
  if (name == "F16") convert_each<std::uint16_t>(bytes, out, half_to_float);
  if (name == "BF16") convert_each<std::uint16_t>(bytes, out, bfloat_to_float);
}

template void convert(Dtype, std::span<const std::byte>, std::span<float>) noexcept;
template void convert(Dtype, std::span<const std::byte>, std::span<double>) noexcept;

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits.
float half_to_float(std::uint16_t bits) noexcept {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t exponent = bits >> 10 & 0x1Fu;
  const std::uint32_t fraction = bits & 0x3FFu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // subnormal or zero
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t widened = exponent == 0x1F ? 0xFFu : exponent + (127 - 15);
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

// The upper half of a float.
float bfloat_to_float(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace unspool::detail
