// The one way to reject bad input: require(condition, code, op, format, values...). Values may be Shapes or lists: what
// is given is turned into text only where a message needs it, so a check that holds costs its condition.
#pragma once

#include <fmt/core.h>

#include "base/text.hpp"
#include "unspool/error.hpp"
#include "unspool/shape.hpp"

namespace unspool::detail {

inline std::string printable(const Shape& shape) { return shape.to_string(); }
inline std::string printable(std::span<const std::int64_t> list) { return bracketed(list); }
template <class Value>
const Value& printable(const Value& value) {
  return value;
}
template <class Value>
using Printable = std::decay_t<decltype(printable(std::declval<const Value&>()))>;

/// The text of a message; values may be Shapes or lists.
template <class... Values>
[[gnu::cold]] std::string message(fmt::format_string<Printable<Values>...> text, const Values&... values) {
  return fmt::vformat(text, fmt::make_format_args(printable(values)...));
}

template <class... Values>
[[noreturn, gnu::cold]] void fail(ErrorCode code, std::string_view op, fmt::format_string<Printable<Values>...> text,
                                  const Values&... values) {
  throw Error(code, op, message<Values...>(text, values...));
}

// `op` stays what it is until it is needed: measuring a C string is a call.
template <class Op, class... Values>
void require(bool holds, ErrorCode code, const Op& op, fmt::format_string<Printable<Values>...> text,
             const Values&... values) {
  if (!holds) [[unlikely]]
    fail<Values...>(code, op, text, values...);
}

}  // namespace unspool::detail
