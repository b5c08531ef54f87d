// JsonCursor: a place in a JSON text that is only looked at: graph files and the headers of safetensors files. Reading
// allocates nothing and nothing recurses; the caller asks for what must come next. A cursor is copied to remember a place
// and come back to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"

namespace unspool::detail {

/// The text, and how it is called in errors.
struct JsonText {
  std::string_view op;
  std::string_view name;  ///< of the file
  std::string_view text;
  std::uint64_t begin = 0;  ///< where it stands in the file

  [[noreturn]] void fail(std::string_view rule, std::size_t at, ErrorCode code = ErrorCode::file_format) const;
};

class JsonCursor {
 public:
  explicit JsonCursor(const JsonText& source) : source_(&source) {}

  // All of these pass white space first and throw file_format, with the offset, when the rule they name is broken.
  void expect(char mark);
  bool accept(char mark);
  bool accept_word(std::string_view word);
  /// At the start of a list or object, after its opening mark: true when it has an item.
  bool any(char close) { return !accept(close); }
  /// After an item: true when a comma announces another one, false when `close` ends the list.
  bool another(char close);

  /// The inside of a string as it is written; valid JSON and UTF-8.
  std::string_view raw_string();
  std::string string();
  std::int64_t integer();
  /// A non-negative integer below 2^64.
  std::uint64_t natural();
  /// An integer in a range; `what` begins the error.
  std::int64_t integer(std::string_view what, std::int64_t low, std::int64_t high);
  /// A number, or "nan", "inf", "-inf".
  double real();
  bool boolean();
  /// Passes a value of any kind.
  void skip();
  /// Nothing but white space may follow; `what` has ended.
  void end(std::string_view what);

  bool at(char mark);
  std::size_t position() const { return at_; }
  [[noreturn]] void fail(std::string_view rule, ErrorCode code = ErrorCode::file_format) const;

 private:
  char peek();
  void skip_space();
  void skip_escape();
  std::uint32_t code_unit();
  void skip_scalar();
  std::string_view number_text();

  const JsonText* source_;
  std::size_t at_ = 0;
};

/// Writes what a valid raw string stands for; returns the end. That is never longer, so `out` may be where `raw` begins.
char* unescape(std::string_view raw, char* out);
std::string unescaped(std::string_view raw);

}  // namespace unspool::detail
