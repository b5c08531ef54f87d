#include "files/json_reader.hpp"

#include <limits>

#include "files/utf8.hpp"

namespace unspool::detail {

void JsonReader::fail(std::string_view rule, ErrorCode code) const { reading_.fail(code, rule, offset_ + position_); }

void JsonReader::skip_space() {
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    ++position_;
  }
}

bool JsonReader::accept(char mark) {
  skip_space();
  if (position_ == text_.size() || text_[position_] != mark) return false;
  ++position_;
  return true;
}

void JsonReader::expect(char mark) {
  if (accept(mark)) return;
  if (position_ == text_.size()) fail(fmt::format("the header must have a '{}' here; it ends", mark));
  fail(fmt::format("the header must have a '{}' here; given {:?}", mark, text_[position_]));
}

bool JsonReader::another(char close) {
  if (accept(',')) return true;
  expect(close);
  return false;
}

std::uint64_t JsonReader::integer() {
  constexpr const char* rule = "a number must be a non-negative integer below 2^64, without leading zeros";
  skip_space();
  const auto digit = [this] { return position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9'; };
  if (!digit()) fail(rule);
  const bool zero = text_[position_] == '0';
  std::uint64_t value = 0;
  for (int digits = 0; digit(); ++digits, ++position_) {
    const auto next = static_cast<std::uint64_t>(text_[position_] - '0');
    constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
    if ((zero && digits > 0) || value > (largest - next) / 10) fail(rule);
    value = value * 10 + next;
  }
  if (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == '.' || c == 'e' || c == 'E') fail(rule);
  }
  return value;
}

std::string_view JsonReader::string() {
  expect('"');
  char* const start = text_.data() + position_;
  char* out = start;
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == '"') {
      ++position_;
      return {start, out};
    }
    if (c == '\\') {
      out = unescape(out);
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) fail("a string must not have control characters unescaped");
    const std::size_t length = utf8_length({text_.data() + position_, text_.size() - position_});
    if (length == 0) fail("the header must be valid UTF-8");
    for (std::size_t i = 0; i < length; ++i) *out++ = text_[position_++];
  }
  fail("a string must end with '\"'; the header ends");
}

// Reads a backslash and what it stands for; writes that at `out`, which is never ahead of what is read.
char* JsonReader::unescape(char* out) {
  constexpr const char* rule = "an escape must be one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
  if (position_ + 1 == text_.size()) fail(rule);
  const char kind = text_[position_ + 1];
  if (kind == 'u') {
    std::uint32_t code = code_unit();
    if (code >= 0xD800 && code <= 0xDBFF) {
      const std::uint32_t low = position_ < text_.size() && text_[position_] == '\\' ? code_unit() : 0;
      if (low < 0xDC00 || low > 0xDFFF) fail("an escaped high surrogate must be followed by an escaped low one");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      fail("an escaped low surrogate must follow a high one");
    }
    return put_utf8(code, out);
  }
  constexpr std::string_view kinds = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  const std::size_t found = kinds.find(kind);
  if (found == std::string_view::npos) fail(rule);
  position_ += 2;
  *out = meanings[found];
  return out + 1;
}

// The four hexadecimal digits of \uXXXX, with the backslash.
std::uint32_t JsonReader::code_unit() {
  constexpr const char* rule = "\\u must be followed by four hexadecimal digits";
  if (text_.size() - position_ < 6 || text_[position_ + 1] != 'u') fail(rule);
  std::uint32_t code = 0;
  for (std::size_t i = 2; i < 6; ++i) {
    const char c = text_[position_ + i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) fail(rule);
    code = code << 4 | static_cast<std::uint32_t>(digit);
  }
  position_ += 6;
  return code;
}

void JsonReader::end() {
  for (; position_ < text_.size(); ++position_) {
    if (text_[position_] != ' ') fail("only spaces may follow the header's closing '}'");
  }
}

}  // namespace unspool::detail
