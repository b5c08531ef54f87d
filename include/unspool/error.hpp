// Errors. Every mistake a user can make is reported by throwing Error; nothing is half-done when it is thrown.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "unspool/error_codes.hpp"
#include "unspool/export.hpp"

namespace unspool {

/// The library's one exception. The text reads `op: what must hold; what was given; where (E001)`.
class UNSPOOL_API Error : public std::runtime_error {
 public:
  /// `op` names the operation or function, `what` the rule and the values given, `where` the place in the
  /// recording ("at %41 in encoder/t=3, model.cpp:88"; may be empty).
  Error(ErrorCode code, std::string_view op, std::string_view what, std::string_view where = {});

  /// The stable code; docs/errors.md lists cause and remedy of each.
  ErrorCode code() const noexcept { return code_; }
  /// The op or function that rejected its input.
  const std::string& op() const noexcept { return op_; }
  /// Node, scope, step and source line, or empty outside a recording.
  const std::string& where() const noexcept { return where_; }

 private:
  ErrorCode code_;
  std::string op_;
  std::string where_;
};

/// "shape_mismatch" for ErrorCode::shape_mismatch.
UNSPOOL_API std::string_view error_name(ErrorCode code) noexcept;
/// What causes the error, one sentence.
UNSPOOL_API std::string_view error_cause(ErrorCode code) noexcept;
/// What to do about it, one sentence.
UNSPOOL_API std::string_view error_remedy(ErrorCode code) noexcept;

}  // namespace unspool
