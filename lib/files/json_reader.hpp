// JsonReader: a strict reader of the JSON that a safetensors header is made of, which is objects of strings and
// non-negative integers in a fixed nesting. The caller asks for what must come next, so nothing recurses and nothing is
// allocated: strings are unescaped where they stand, which never makes them longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "files/input_file.hpp"

namespace unspool::detail {

class JsonReader {
 public:
  /// `text` stands at `offset` in the file; it is changed, and must outlive the strings that are read.
  JsonReader(std::span<char> text, std::uint64_t offset, const FileReading& reading)
      : text_(text), offset_(offset), reading_(reading) {}

  // All of these skip white space first and throw file_format, with the offset, when the rule they name is broken.
  void expect(char mark);
  bool accept(char mark);
  /// After an item of a list: true when a comma announces another one, false when `close` ends the list.
  bool another(char close);
  std::string_view string();
  std::uint64_t integer();

  /// After the last item only spaces may follow.
  void end();

  std::size_t position() const noexcept { return position_; }
  [[noreturn]] void fail(std::string_view rule, ErrorCode code = ErrorCode::file_format) const;

 private:
  void skip_space();
  char* unescape(char* out);
  std::uint32_t code_unit();

  std::span<char> text_;
  std::uint64_t offset_;
  const FileReading& reading_;
  std::size_t position_ = 0;
};

}  // namespace unspool::detail
