// Escaping of names for each format. Every byte string becomes valid UTF-8 that the format reads as one plain text;
// bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace unspool::detail {

/// For a line of text: control characters and the backslash as \n, \x1b, \\.
std::string escape_text(std::string_view text);
/// The inside of a JSON string. "<" is escaped too, so that the result can stand in an HTML script.
std::string escape_json(std::string_view text);
/// The inside of a DOT string that is shown as it is: quotes, backslashes and the "&" of entities are escaped.
std::string escape_dot(std::string_view text);
/// XML character data or the inside of an attribute. Control characters, which XML 1.0 cannot hold, become U+FFFD.
std::string escape_xml(std::string_view text);

/// At most `limit` characters, the last an ellipsis where something was cut. Never cuts inside a character.
std::string shorten(std::string_view text, std::size_t limit);

}  // namespace unspool::detail
