#include "unspool/text.hpp"

#include "base/check.hpp"
#include "data/units.hpp"
#include "data/whole_file.hpp"

namespace unspool {
namespace {

// Where a byte b that begins no character goes: 0xDC80..0xDCFF, surrogates that UTF-8 cannot encode.
constexpr std::int32_t escaped = 0xDC00;

/// The code point of one valid character.
std::int32_t decoded(std::string_view character) {
  std::uint32_t code = static_cast<unsigned char>(character[0]);
  if (character.size() > 1) code &= 0x7Fu >> character.size();
  for (std::size_t i = 1; i < character.size(); ++i)
    code = code << 6 | (static_cast<unsigned char>(character[i]) & 0x3F);
  return static_cast<std::int32_t>(code);
}

}  // namespace

std::string_view next_unit(std::string_view& text, TextUnit unit) { return detail::first_unit(text, unit); }

std::vector<std::int32_t> code_points(std::string_view text) {
  std::vector<std::int32_t> codes;
  while (!text.empty()) {
    const bool valid = detail::utf8_length(text) > 0;
    const std::string_view unit = detail::first_unit(text, TextUnit::characters);
    codes.push_back(valid ? decoded(unit) : escaped + static_cast<unsigned char>(unit[0]));
  }
  return codes;
}

std::string utf8_text(const Ids& code_points) {
  std::string text;
  for (std::int64_t i = 0; i < code_points.size(); ++i) {
    const std::int64_t code = code_points[i];
    const bool is_byte = code >= escaped + 0x80 && code <= escaped + 0xFF;
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    detail::require(is_byte || (code >= 0 && code <= 0x10FFFF && !surrogate), ErrorCode::index_out_of_range,
                    "utf8_text", "must be code points or bytes escaped as 0xDC80..0xDCFF; number {} is {:#x}", i, code);
    char bytes[4];
    if (is_byte)
      text.push_back(static_cast<char>(code - escaped));
    else
      text.append(bytes, detail::put_utf8(static_cast<std::uint32_t>(code), bytes));
  }
  return text;
}

std::string read_text(const std::string& path) { return detail::read_whole({"read_text", path}); }

}  // namespace unspool
