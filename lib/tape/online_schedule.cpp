// Which states to keep of a run whose length is not known.
#include <algorithm>

#include "base/check.hpp"
#include "unspool/plan.hpp"

namespace unspool {

OnlineSchedule::OnlineSchedule(std::int64_t states) : states_(states) {
  detail::require(states > 0, ErrorCode::bad_argument, "OnlineSchedule", "there must be room for a state; given {}",
                  states);
}

// A stored state can be spared once a later one has a higher level. The first is never spared. Where none can be, the
// state of the step before gives way, and the new one is a level above it: from then on all states between it and the
// ones of its own level can be spared.
bool OnlineSchedule::wants(std::int64_t step, std::int64_t* replaced) {
  *replaced = none;
  const auto room = static_cast<std::size_t>(states_);
  if (entries_.size() < room) {
    entries_.push_back({step, 0});
    return true;
  }
  std::int64_t highest = -1;
  for (std::size_t i = entries_.size(); i-- > 1;) {
    if (entries_[i].level < highest) {
      *replaced = entries_[i].step;
      entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
      entries_.push_back({step, 0});
      return true;
    }
    highest = std::max(highest, entries_[i].level);
  }
  if (entries_.size() == 1 || entries_.back().step != step - 1) return false;
  *replaced = entries_.back().step;
  entries_.back() = {step, entries_.back().level + 1};
  return true;
}

std::vector<std::int64_t> OnlineSchedule::stored() const {
  std::vector<std::int64_t> steps;
  for (const Entry& e : entries_) steps.push_back(e.step);
  return steps;
}

}  // namespace unspool
