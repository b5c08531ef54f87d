// Columns: a number for every node, as base64 in the graph file. docs/graph-format.md, "Columns".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unspool::detail {

enum class ColumnCode : std::uint8_t { f64, f32, log16 };

std::string_view code_name(ColumnCode code);
std::int64_t code_bytes(ColumnCode code);

struct Column {
  ColumnCode code = ColumnCode::f64;
  double low = 0, high = 0;  ///< of log16
  std::string data;          ///< base64
};

Column encode_column(std::span<const double> numbers, ColumnCode code);

/// Characters that the base64 of so many bytes has.
constexpr std::uint64_t base64_length(std::uint64_t bytes) { return (bytes + 2) / 3 * 4; }
/// Whether a text is the base64 of so many bytes.
bool is_base64(std::string_view text, std::uint64_t bytes);
/// `data` is base64 of `count` numbers, which is_base64() has said.
std::vector<double> decode_column(ColumnCode code, double low, double high, std::string_view data, std::size_t count);

}  // namespace unspool::detail
