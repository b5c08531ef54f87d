#include "dump/escape.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace unspool::detail {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// Calls put(out, character) for every character that is one byte, and copies the longer ones.
template <class Put>
std::string escape(std::string_view text, Put put) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 1) {
      put(out, text.front());
    } else if (length == 0) {
      out += replacement;
    } else if (text.substr(0, length) == "\xEF\xBF\xBE" || text.substr(0, length) == "\xEF\xBF\xBF") {
      out += replacement;  // U+FFFE and U+FFFF: characters in JSON, but not in XML
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

}  // namespace

std::string escape_text(std::string_view text) {
  return escape(text, [](std::string& out, char c) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (is_control(c)) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  });
}

std::string escape_json(std::string_view text) {
  return escape(text, [](std::string& out, char c) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (is_control(c) || c == '<') {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  });
}

std::string escape_dot(std::string_view text) {
  // Shown as in a line of text; then the language's own: \" ends no string, \\ shows one backslash, & begins an entity.
  return escape(escape_text(text), [](std::string& out, char c) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  });
}

std::string escape_xml(std::string_view text) {
  return escape(text, [](std::string& out, char c) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\n':
        out += "&#10;";
        break;
      default:
        out += is_control(c) ? replacement : std::string_view(&c, 1);
    }
  });
}

std::string shorten(std::string_view text, std::size_t limit) {
  std::size_t at = 0;
  std::size_t cut = 0;  // end of the first limit - 1 characters
  for (std::size_t count = 0; at < text.size(); ++count) {
    if (count + 1 == limit) cut = at;
    if (count == limit) return std::string(text.substr(0, cut)) + "\xE2\x80\xA6";
    const std::size_t length = utf8_length(text.substr(at));
    at += length == 0 ? 1 : length;
  }
  return std::string(text);
}

}  // namespace unspool::detail
