// Statistics of one value's elements.
#pragma once

#include "unspool/graph.hpp"

namespace unspool::detail {

GraphValues value_statistics(ScalarType type, const void* values, std::int64_t count);

}  // namespace unspool::detail
