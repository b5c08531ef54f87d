// reserve_more: room in a vector without the half that growing by doubling may leave unused.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace unspool::detail {

/// Room for so many more elements, at least a quarter more than there was: many small requests are not to copy all each
/// time.
template <class T>
void reserve_more(std::vector<T>& v, std::int64_t more) {
  const std::size_t wanted = v.size() + static_cast<std::size_t>(more);
  if (wanted > v.capacity()) v.reserve(std::max(wanted, v.capacity() + v.capacity() / 4));
}

}  // namespace unspool::detail
