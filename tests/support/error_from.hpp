// The error that a call throws, for checks of code and text.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "unspool/error.hpp"

namespace unspool::test {

/// Fails the test, and reports code 0, when nothing is thrown.
template <class F>
Error error_from(F call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  FAIL_CHECK("nothing was thrown");
  return Error(ErrorCode{}, "", "");
}

/// The message without the place in the recording, which names a line of the test.
inline std::string rule_text(const Error& error) {
  const std::string text = error.what();
  const std::size_t place = error.where().empty() ? std::string::npos : text.find("; " + error.where());
  return text.substr(0, place);
}

}  // namespace unspool::test
