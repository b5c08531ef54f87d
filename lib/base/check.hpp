// The one way to reject bad input: require(condition, code, op, format, values...).
#pragma once

#include <fmt/core.h>

#include "unspool/error.hpp"

namespace unspool::detail {

template <class... Args>
[[noreturn]] void fail(ErrorCode code, std::string_view op, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(code, op, fmt::format(text, std::forward<Args>(args)...));
}

template <class... Args>
void require(bool holds, ErrorCode code, std::string_view op, fmt::format_string<Args...> text, Args&&... args) {
  if (!holds) [[unlikely]]
    fail(code, op, text, std::forward<Args>(args)...);
}

}  // namespace unspool::detail
