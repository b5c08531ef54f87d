#include "dump/json_cursor.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include "files/utf8.hpp"

namespace unspool::detail {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::uint32_t code_unit(std::string_view four) {
  std::uint32_t code = 0;
  for (const char c : four) code = code << 4 | static_cast<std::uint32_t>(hex_digit(c));
  return code;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 63));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 63));
    out += static_cast<char>(0x80 | (code & 63));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 63));
    out += static_cast<char>(0x80 | (code >> 6 & 63));
    out += static_cast<char>(0x80 | (code & 63));
  }
}

}  // namespace

void JsonText::fail(std::string_view rule, std::size_t offset, ErrorCode code) const {
  throw Error(code, op, rule, fmt::format("in {} at byte {}", name, offset));
}

void JsonCursor::fail(std::string_view rule, ErrorCode code) const { source_->fail(rule, at_, code); }

void JsonCursor::skip_space() {
  const std::string_view text = source_->text;
  while (at_ < text.size() && (text[at_] == ' ' || text[at_] == '\n' || text[at_] == '\r' || text[at_] == '\t')) ++at_;
}

char JsonCursor::peek() {
  skip_space();
  return at_ < source_->text.size() ? source_->text[at_] : '\0';
}

bool JsonCursor::at(char mark) { return peek() == mark; }

bool JsonCursor::accept(char mark) {
  if (peek() != mark) return false;
  ++at_;
  return true;
}

bool JsonCursor::accept_word(std::string_view word) {
  skip_space();
  if (!source_->text.substr(at_).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

void JsonCursor::expect(char mark) {
  if (accept(mark)) return;
  if (at_ >= source_->text.size()) fail(fmt::format("a '{}' must stand here; the text ends", mark));
  fail(fmt::format("a '{}' must stand here; given {:?}", mark, source_->text[at_]));
}

bool JsonCursor::another(char close) {
  if (accept(',')) return true;
  expect(close);
  return false;
}

std::string_view JsonCursor::raw_string() {
  expect('"');
  const std::string_view text = source_->text;
  const std::size_t start = at_;
  while (at_ < text.size()) {
    const char c = text[at_];
    if (c == '"') return text.substr(start, at_++ - start);
    if (c == '\\') {
      skip_escape();
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) fail("a string must have its control characters escaped");
    const std::size_t length = utf8_length(text.substr(at_));
    if (length == 0) fail("a string must be valid UTF-8");
    at_ += length;
  }
  fail("a string must end with '\"'; the text ends");
}

void JsonCursor::skip_escape() {
  constexpr const char* rule =
      "an escape must be one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX, surrogates in pairs";
  const std::string_view text = source_->text;
  const auto unit = [&](std::size_t from) -> std::int64_t {
    if (text.size() - from < 6 || text[from] != '\\' || text[from + 1] != 'u') return -1;
    for (std::size_t i = 2; i < 6; ++i)
      if (hex_digit(text[from + i]) < 0) return -1;
    return code_unit(text.substr(from + 2, 4));
  };
  if (at_ + 1 >= text.size()) fail(rule);
  if (text[at_ + 1] != 'u') {
    if (std::string_view("\"\\/bfnrt").find(text[at_ + 1]) == std::string_view::npos) fail(rule);
    at_ += 2;
    return;
  }
  const std::int64_t code = unit(at_);
  if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF)) fail(rule);
  const bool pair = code >= 0xD800 && code <= 0xDBFF;
  if (pair) {
    const std::int64_t low = text.size() - at_ < 12 ? -1 : unit(at_ + 6);
    if (low < 0xDC00 || low > 0xDFFF) fail(rule);
  }
  at_ += pair ? 12 : 6;
}

std::string JsonCursor::string() { return unescaped(raw_string()); }

std::string_view JsonCursor::number_text() {
  skip_space();
  const std::string_view text = source_->text;
  std::size_t end = at_;
  const auto digits = [&] {
    const std::size_t from = end;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    return end - from;
  };
  if (end < text.size() && text[end] == '-') ++end;
  const std::size_t first = end;
  if (digits() == 0 || (text[first] == '0' && end - first > 1)) fail("a number must stand here, without leading zeros");
  if (end < text.size() && text[end] == '.') {
    ++end;
    if (digits() == 0) fail("a number must have a digit after its point");
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    ++end;
    if (end < text.size() && (text[end] == '-' || text[end] == '+')) ++end;
    if (digits() == 0) fail("a number must have a digit in its exponent");
  }
  return text.substr(at_, end - at_);
}

std::int64_t JsonCursor::integer() {
  const std::string_view digits = number_text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) fail("a number must be an integer of 64 bits here");
  at_ += digits.size();
  return value;
}

std::int64_t JsonCursor::integer(std::string_view what, std::int64_t low, std::int64_t high) {
  JsonCursor start = *this;
  start.skip_space();
  const std::int64_t value = integer();
  if (value < low || value > high)
    start.fail(fmt::format("{} must be from {} to {}; given {}", what, low, high, value));
  return value;
}

double JsonCursor::real() {
  if (at('"')) {
    const std::string_view word = raw_string();
    constexpr double inf = std::numeric_limits<double>::infinity();
    if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (word == "inf") return inf;
    if (word == "-inf") return -inf;
    fail("a number must stand here, or \"nan\", \"inf\", \"-inf\"");
  }
  const std::string_view digits = number_text();
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) fail("a number must be within the range of a double");
  static_cast<void>(end);
  at_ += digits.size();
  return value;
}

bool JsonCursor::boolean() {
  if (accept_word("true")) return true;
  if (accept_word("false")) return false;
  fail("true or false must stand here");
}

void JsonCursor::skip_scalar() {
  const char c = peek();
  if (c == '"')
    raw_string();
  else if (c == 't' || c == 'f')
    boolean();
  else if (!accept_word("null"))
    at_ += number_text().size();
}

void JsonCursor::skip() {
  constexpr int deepest = 64;
  std::uint64_t objects = 0;  // a bit a level: 1 for an object
  int depth = 0;
  bool key_next = false;
  do {
    if (key_next) {
      raw_string();
      expect(':');
      key_next = false;
    }
    bool ended = false;  // a value has just been completed
    if (at('{') || at('[')) {
      if (depth == deepest) fail("lists and objects must not be nested deeper than 64");
      const bool object = accept('{');
      if (!object) expect('[');
      objects = objects << 1 | (object ? 1 : 0);
      ++depth;
      if (at(object ? '}' : ']')) {
        expect(object ? '}' : ']');
        objects >>= 1;
        --depth;
        ended = true;
      }
      key_next = !ended && object;
    } else {
      skip_scalar();
      ended = true;
    }
    while (ended && depth > 0) {
      const bool object = (objects & 1) != 0;
      if (another(object ? '}' : ']')) {
        key_next = object;
        ended = false;
      } else {
        objects >>= 1;
        --depth;
      }
    }
  } while (depth > 0);
}

void JsonCursor::end() {
  skip_space();
  if (at_ != source_->text.size()) fail("nothing may follow the graph");
}

std::string unescaped(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  constexpr std::string_view kinds = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  for (std::size_t i = 0; i < raw.size();) {
    if (raw[i] != '\\') {
      out += raw[i++];
    } else if (raw[i + 1] != 'u') {
      out += meanings[kinds.find(raw[i + 1])];
      i += 2;
    } else {
      std::uint32_t code = code_unit(raw.substr(i + 2, 4));
      i += 6;
      if (code >= 0xD800 && code <= 0xDBFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (code_unit(raw.substr(i + 2, 4)) - 0xDC00);
        i += 6;
      }
      append_utf8(out, code);
    }
  }
  return out;
}

}  // namespace unspool::detail
