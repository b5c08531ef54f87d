#include "dump/column.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace unspool::detail {
namespace {

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr double log16_steps = 65531;  // codes 4 to 65535

int digit(char c) {
  const std::size_t at = letters.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve(base64_length(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    const std::size_t here = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < here ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= here ? letters[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string bytes_of(std::string_view base64) {
  int table[256];
  for (int c = 0; c < 256; ++c) table[c] = digit(static_cast<char>(c));
  std::string out;
  out.reserve(base64.size() / 4 * 3);
  for (std::size_t i = 0; i + 4 <= base64.size(); i += 4) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int d = table[static_cast<unsigned char>(base64[i + k])];
      word = word << 6 | static_cast<std::uint32_t>(d < 0 ? 0 : d);
    }
    for (std::size_t k = 0; k < 3; ++k)
      if (base64[i + k + 1] != '=') out += static_cast<char>(word >> (16 - 8 * k) & 255);
  }
  return out;
}

template <class Word>
void put(std::string& out, Word word) {
  for (std::size_t k = 0; k < sizeof(Word); ++k) out += static_cast<char>(word >> (8 * k) & 255);
}
template <class Word>
Word get(const std::string& in, std::size_t i) {
  Word word = 0;
  for (std::size_t k = 0; k < sizeof(Word); ++k)
    word |= static_cast<Word>(static_cast<unsigned char>(in[i * sizeof(Word) + k])) << (8 * k);
  return word;
}

std::uint16_t log_code(double v, double low, double high) {
  if (std::isnan(v)) return 3;
  if (v < 0) return 0;
  if (v == 0) return 1;
  if (std::isinf(v)) return 2;
  if (!(high > low)) return 4;
  return static_cast<std::uint16_t>(4 + std::lround((std::log2(v) - low) / (high - low) * log16_steps));
}

double log_value(std::uint16_t code, double low, double high) {
  constexpr double special[] = {-1, 0, std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN()};
  return code < 4 ? special[code] : std::exp2(low + (code - 4) / log16_steps * (high - low));
}

}  // namespace

std::string_view code_name(ColumnCode code) {
  constexpr std::string_view names[] = {"f64", "f32", "log16"};
  return names[static_cast<int>(code)];
}

std::int64_t code_bytes(ColumnCode code) {
  constexpr std::int64_t bytes[] = {8, 4, 2};
  return bytes[static_cast<int>(code)];
}

Column encode_column(std::span<const double> numbers, ColumnCode code) {
  Column column{code, 0, 0, {}};
  if (code == ColumnCode::log16) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const double v : numbers) {
      if (!(v > 0) || std::isinf(v)) continue;
      low = std::min(low, v);
      high = std::max(high, v);
    }
    if (low <= high) column.low = std::log2(low), column.high = std::log2(high);
  }
  std::string bytes;
  bytes.reserve(numbers.size() * static_cast<std::size_t>(code_bytes(code)));
  for (const double v : numbers) {
    if (code == ColumnCode::f64)
      put(bytes, std::bit_cast<std::uint64_t>(v));
    else if (code == ColumnCode::f32)
      put(bytes, std::bit_cast<std::uint32_t>(static_cast<float>(v)));
    else
      put(bytes, log_code(v, column.low, column.high));
  }
  column.data = base64(bytes);
  return column;
}

bool is_base64(std::string_view text, std::uint64_t bytes) {
  if (text.size() != base64_length(bytes)) return false;
  const std::size_t padding = static_cast<std::size_t>((3 - bytes % 3) % 3);
  for (std::size_t i = 0; i + padding < text.size(); ++i)
    if (digit(text[i]) < 0) return false;
  return text.ends_with(std::string_view("==").substr(2 - padding));
}

std::vector<double> decode_column(ColumnCode code, double low, double high, std::string_view data, std::size_t count) {
  const std::string bytes = bytes_of(data);
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (code == ColumnCode::f64)
      numbers[i] = std::bit_cast<double>(get<std::uint64_t>(bytes, i));
    else if (code == ColumnCode::f32)
      numbers[i] = std::bit_cast<float>(get<std::uint32_t>(bytes, i));
    else
      numbers[i] = log_value(get<std::uint16_t>(bytes, i), low, high);
  }
  return numbers;
}

}  // namespace unspool::detail
