// Which states to keep of a run whose length is not known.
#include <algorithm>

#include "base/check.hpp"
#include "unspool/plan.hpp"

namespace unspool {

OnlineSchedule::OnlineSchedule(std::int64_t states) : states_(states) {
  detail::require(states > 0, ErrorCode::bad_argument, "OnlineSchedule", "there must be room for a state; given {}",
                  states);
}

OnlineSchedule OnlineSchedule::within(std::int64_t step_bytes, std::int64_t state_bytes, std::int64_t budget) {
  constexpr std::int64_t most = 4096;
  detail::require(step_bytes >= 0 && state_bytes >= 0, ErrorCode::bad_argument, "OnlineSchedule",
                  "sizes must not be negative; given {} bytes a step and {} a state", step_bytes, state_bytes);
  const std::int64_t least = least_budget(2, step_bytes, state_bytes);
  detail::require(budget >= least, ErrorCode::bad_argument, "OnlineSchedule",
                  "the budget must be at least {} bytes, one step and one state; given {}", least, budget);
  return OnlineSchedule(1 + std::min((budget - least) / std::max<std::int64_t>(state_bytes, 1), most - 1));
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
