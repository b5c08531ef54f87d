// The table of every op: what the generic tests, the graph reader and the documentation run over.
#pragma once

#include <span>

#include "unspool/extend.hpp"

namespace unspool::detail {

std::span<const OpRule* const> op_table();

}  // namespace unspool::detail
