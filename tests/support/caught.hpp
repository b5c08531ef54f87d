// What a call threw, as values: tests match an error's code and its text.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "unspool/error.hpp"

namespace unspool::test {

struct Caught {
  bool thrown = false;
  ErrorCode code{};
  std::string op;
  std::string where;
  std::string text;

  bool says(std::string_view part) const { return text.find(part) != std::string::npos; }
};

/// Lets everything but Error through.
template <class F>
Caught caught(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return {true, e.code(), e.op(), e.where(), e.what()};
  }
  return {};
}

}  // namespace unspool::test

/// CHECK that the expression throws Error with this code and a text that contains the part.
#define UNSPOOL_CHECK_ERROR(expression, expected_code, part)                        \
  do {                                                                              \
    const auto caught_error = ::unspool::test::caught([&] { (void)(expression); }); \
    CHECK(caught_error.thrown);                                                     \
    CHECK(caught_error.code == ::unspool::ErrorCode::expected_code);                \
    CHECK_MESSAGE(caught_error.says(part), caught_error.text);                      \
  } while (false)
