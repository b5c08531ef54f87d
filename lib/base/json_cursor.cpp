#include "base/json_cursor.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/utf8.hpp"

namespace unspool::detail {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// \uXXXX at the front of a text, or -1.
std::int64_t unit_at(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  std::int64_t code = 0;
  for (const char c : text.substr(2, 4)) {
    const int digit = hex_digit(c);
    if (digit < 0) return -1;
    code = code << 4 | digit;
  }
  return code;
}

bool is_high_surrogate(std::int64_t code) { return code >= 0xD800 && code <= 0xDBFF; }
bool is_low_surrogate(std::int64_t code) { return code >= 0xDC00 && code <= 0xDFFF; }

// What may follow a backslash, beside u, and what it stands for.
constexpr std::string_view escapes = "\"\\/bfnrt";
constexpr std::string_view escaped = "\"\\/\b\f\n\r\t";

}  // namespace

void JsonText::fail(std::string_view rule, std::size_t at, ErrorCode code) const {
  throw Error(code, op, rule, fmt::format("in {} at byte {}", name, begin + at));
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
  if (at_ >= source_->text.size()) fail(fmt::format("the text must have a '{}' here; it ends", mark));
  fail(fmt::format("the text must have a '{}' here; given {:?}", mark, source_->text[at_]));
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
  const std::string_view rest = source_->text.substr(at_);
  if (rest.size() > 1 && rest[1] == 'u') {
    const std::uint32_t code = code_unit();
    if (is_low_surrogate(code)) fail("an escaped low surrogate must follow a high one");
    if (!is_high_surrogate(code)) return;
    if (at_ == source_->text.size() || source_->text[at_] != '\\' || !is_low_surrogate(code_unit()))
      fail("an escaped high surrogate must be followed by an escaped low one");
    return;
  }
  if (rest.size() < 2 || escapes.find(rest[1]) == std::string_view::npos)
    fail("an escape must be one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
  at_ += 2;
}

std::uint32_t JsonCursor::code_unit() {
  const std::int64_t code = unit_at(source_->text.substr(at_));
  if (code < 0) fail("\\u must be followed by four hexadecimal digits");
  at_ += 6;
  return static_cast<std::uint32_t>(code);
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

std::uint64_t JsonCursor::natural() {
  skip_space();
  const std::string_view rest = source_->text.substr(at_);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  const std::size_t length = static_cast<std::size_t>(end - rest.data());
  const bool goes_on = length < rest.size() && std::string_view(".eE").find(rest[length]) != std::string_view::npos;
  if (error != std::errc() || (rest[0] == '0' && length > 1) || goes_on)
    fail("a number must be a non-negative integer below 2^64, without leading zeros");
  at_ += length;
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

void JsonCursor::end(std::string_view what) {
  skip_space();
  if (at_ != source_->text.size()) fail(fmt::format("nothing may follow {}", what));
}

char* unescape(std::string_view raw, char* out) {
  while (!raw.empty()) {
    std::int64_t code = unit_at(raw);
    std::size_t length = 6;
    if (raw[0] != '\\') {
      *out++ = raw[0];
      length = 1;
    } else if (code < 0) {
      *out++ = escaped[escapes.find(raw[1])];
      length = 2;
    } else {
      if (is_high_surrogate(code)) {
        code = 0x10000 + ((code - 0xD800) << 10) + (unit_at(raw.substr(6)) - 0xDC00);
        length = 12;
      }
      out = put_utf8(static_cast<std::uint32_t>(code), out);
    }
    raw.remove_prefix(length);
  }
  return out;
}

std::string unescaped(std::string_view raw) {
  std::string text(raw.size(), '\0');
  text.resize(static_cast<std::size_t>(unescape(raw, text.data()) - text.data()));
  return text;
}

}  // namespace unspool::detail
