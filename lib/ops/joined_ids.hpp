// Ids from several lists as the one list that an op's attributes have.
#pragma once

#include <vector>

#include "ops/op.hpp"

namespace unspool {

/// An empty list to fill and hand to record(), which copies it to the tape. It is the thread's and not the tape's: ids
/// are joined before their node exists, from operands of which nobody has checked yet that they have a tape. It keeps
/// its memory, so that a step like the last allocates nothing. What is in it lasts until the next op of the thread.
inline std::vector<std::int64_t>& empty_ids() {
  thread_local std::vector<std::int64_t> ids;
  ids.clear();
  return ids;
}

inline void append(const Ids& ids, std::vector<std::int64_t>& list) {
  for (std::int64_t i = 0; i < ids.size(); ++i) list.push_back(ids[i]);
}

}  // namespace unspool
