// The error that a call throws: tests match its code and its text.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "unspool/error.hpp"

namespace unspool::test {

/// Fails the test, and reports code 0, when nothing is thrown. Lets everything but Error through.
template <class F>
Error error_from(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  FAIL_CHECK("nothing was thrown");
  return Error(ErrorCode{}, "", "");
}

inline bool says(const Error& error, std::string_view part) {
  return std::string_view(error.what()).find(part) != std::string_view::npos;
}

/// The message without the place in the recording, which names a line of the test.
inline std::string rule_text(const Error& error) {
  const std::string text = error.what();
  const std::size_t place = error.where().empty() ? std::string::npos : text.find("; " + error.where());
  return text.substr(0, place);
}

}  // namespace unspool::test

/// CHECK that the expression throws Error with this code and a text that contains the part.
#define UNSPOOL_CHECK_ERROR(expression, expected_code, part)                                  \
  do {                                                                                        \
    const ::unspool::Error caught = ::unspool::test::error_from([&] { (void)(expression); }); \
    CHECK(caught.code() == ::unspool::ErrorCode::expected_code);                              \
    CHECK_MESSAGE(::unspool::test::says(caught, part), caught.what());                        \
  } while (false)
