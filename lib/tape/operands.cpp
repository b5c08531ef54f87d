// Operands that are no nodes of this recording: parameters, and what is wrong with the others.
#include <fmt/core.h>

#include "tape/tape_core.hpp"

namespace unspool::detail {

std::uint32_t TapeCore::resolve_other(const Handle& handle, const char* op, Where where) {
  if (ParameterCore* parameter = handle.parameter()) [[likely]]
    return parameter_leaf(*parameter, where);
  const std::string here = where_text(labels_.current(), where, node_count());
  if (handle.empty())
    throw Error(ErrorCode::stale_handle, op, "an operand was never recorded (a default-constructed Var)", here);
  if (handle.tape() == this) {
    const History::Name* const name = history_.find(handle.index(), handle.generation());
    throw Error(ErrorCode::stale_handle, op,
                fmt::format("operand %{}{} belongs to an earlier recording; a state goes on as numbers, which "
                            "TruncatedBptt carries, or take tensor() before the reset and make an input() of it",
                            handle.index(), name == nullptr ? "" : fmt::format(" ({})", name_text(*name))),
                here);
  }
  throw Error(ErrorCode::wrong_tape, op, fmt::format("operands must be on one tape; %{} is on another", handle.index()),
              here);
}

}  // namespace unspool::detail
