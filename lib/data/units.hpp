// Cutting text into units: inline, because loops over gigabytes call it for every character.
#pragma once

#include <algorithm>

#include "base/utf8.hpp"
#include "unspool/text.hpp"

namespace unspool::detail {

constexpr bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Bytes of the first character, or 1 for a byte that begins none. `text` is not empty.
constexpr std::size_t character_length(std::string_view text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) return 1;
  return std::max<std::size_t>(1, utf8_length(text));
}

/// ASCII letters and digits, and everything beyond ASCII but the punctuation of Latin-1, U+2000..206F and U+3000..303F.
constexpr bool is_word_character(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return (lead >= '0' && lead <= '9') || ((lead | 0x20) >= 'a' && (lead | 0x20) <= 'z');
  if (character.size() == 2) return lead != 0xC2;
  if (character.size() == 3) return !(lead == 0xE2 && byte(1) <= 0x81) && !(lead == 0xE3 && byte(1) == 0x80);
  return true;
}

constexpr std::size_t token_length(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const std::size_t next = character_length(text.substr(length));
    if (!is_word_character(text.substr(length, next))) return length == 0 ? next : length;
    length += next;
  }
  return length;
}

inline std::string_view take(std::string_view& text, std::size_t length) {
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

inline std::string_view first_unit(std::string_view& text, TextUnit unit) {
  if (unit == TextUnit::words) {
    const auto begin = std::find_if_not(text.begin(), text.end(), is_ascii_space);
    text.remove_prefix(static_cast<std::size_t>(begin - text.begin()));
    const auto end = std::find_if(text.begin(), text.end(), is_ascii_space);
    return take(text, static_cast<std::size_t>(end - text.begin()));
  }
  if (text.empty()) return {};
  switch (unit) {
    case TextUnit::bytes:
      return take(text, 1);
    case TextUnit::characters:
      return take(text, character_length(text));
    default:
      return take(text, token_length(text));
  }
}

}  // namespace unspool::detail
