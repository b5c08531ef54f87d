#include "unspool/error.hpp"

#include <fmt/core.h>

namespace unspool {
namespace {

std::string compose(ErrorCode code, std::string_view op, std::string_view what, std::string_view where) {
  const int number = static_cast<int>(code);
  if (where.empty()) return fmt::format("{}: {} (E{:03})", op, what, number);
  return fmt::format("{}: {}; {} (E{:03})", op, what, where, number);
}

}  // namespace

Error::Error(ErrorCode code, std::string_view op, std::string_view what, std::string_view where)
    : std::runtime_error(compose(code, op, what, where)), code_(code), op_(op), where_(where) {}

}  // namespace unspool
