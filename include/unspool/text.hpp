// Text as units and ids. Any bytes are text: zero bytes, invalid UTF-8 and lines of a gigabyte are neither lost nor
// slow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/ids.hpp"

namespace unspool {

/// What a text is cut into. All but words keep every byte: the units, one after another, are the text.
enum class TextUnit : std::uint8_t {
  bytes,       ///< single bytes
  characters,  ///< UTF-8 characters (RFC 3629); a byte that begins none is a unit of its own
  words,       ///< runs of anything but ASCII white space, which is left out; decoded with one space between
  tokens       ///< runs of letters, digits and what is not ASCII; any other character, white space too, is one
};

/// Takes the first unit off the front of `text` and returns it, a part of it; empty when none is left. Time is linear
/// in what is taken off.
UNSPOOL_API std::string_view next_unit(std::string_view& text, TextUnit unit);

/// The code points of UTF-8 text. A byte b that begins no character becomes 0xDC00 + b, a value that valid text never
/// has (Python's "surrogateescape"), so that utf8_text() gives back every text there is.
UNSPOOL_API std::vector<std::int32_t> code_points(std::string_view text);
/// The inverse of code_points(). Throws index_out_of_range for what it never returns.
UNSPOOL_API std::string utf8_text(const Ids& code_points);

/// The bytes of a plain file. Throws file_open, out_of_memory.
UNSPOOL_API std::string read_text(const std::string& path);

}  // namespace unspool
