// Pattern: a POSIX extended regular expression. The C library's matcher needs no stack that grows with the text, which
// std::regex does.
#pragma once

#include <regex.h>

#include <string>

#include "base/check.hpp"

namespace unspool::detail {

class Pattern {
 public:
  /// Throws bad_argument, naming `op`, for an expression that is broken or longer than 1000 bytes.
  Pattern(const std::string& expression, const char* op, bool any_case = false) {
    require(expression.size() <= 1000 && expression.find('\0') == std::string::npos, ErrorCode::bad_argument, op,
            "a regular expression must have at most 1000 bytes, none of them zero; given {}", expression.size());
    const int error = ::regcomp(&compiled_, expression.c_str(), REG_EXTENDED | REG_NOSUB | (any_case ? REG_ICASE : 0));
    if (error == 0) return;
    char reason[128];
    ::regerror(error, &compiled_, reason, sizeof reason);
    fail(ErrorCode::bad_argument, op, "the regular expression must be valid; given {:?}: {}", expression, reason);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern() { ::regfree(&compiled_); }

  /// Found anywhere in the text, up to its first zero byte.
  bool found_in(const std::string& text) const { return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0; }

 private:
  regex_t compiled_;
};

}  // namespace unspool::detail
