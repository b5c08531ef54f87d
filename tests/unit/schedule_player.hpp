// Follows schedules by the rules of the game, for the tests of planners.
#pragma once

#include <algorithm>
#include <vector>

#include "unspool/plan.hpp"

namespace unspool::test {

using std::int64_t;

/// What is on the stack, what that takes, what was computed.
struct Player {
  int64_t forwards = 0, peak = 0, states = 0, kept = 0;
  std::vector<int64_t> walked;
  std::vector<int64_t> before_first_back;  // steps computed until then
  bool legal = true;

  explicit Player(Schedule& schedule, const std::vector<int64_t>& stored = {0}) {
    struct Item {
      int64_t step;  // that is computed from here
      bool state;
    };
    const Plan& plan = schedule.plan();
    std::vector<Item> stack;
    for (const int64_t step : stored) stack.push_back({step, true});
    int64_t states_now = static_cast<int64_t>(stored.size()) - 1, kept_now = 0, reached = 0;
    int64_t bytes = states_now * plan.state_bytes;
    Action a;
    while (schedule.next(a)) {
      if (a.kind == Action::advance || a.kind == Action::record) {
        legal &= stack.back().step == a.step && a.count > 0 && a.step + a.count <= plan.steps;
        forwards += a.count;
        reached = a.step + a.count;
        for (int64_t t = a.step; walked.empty() && t < reached; ++t) before_first_back.push_back(t);
        if (a.kind == Action::record) stack.push_back({reached, false}), bytes += plan.step_bytes, ++kept_now;
      } else if (a.kind == Action::store) {
        legal &= a.step == reached;
        stack.push_back({a.step, true}), bytes += plan.state_bytes, ++states_now;
      } else {
        const bool state = a.kind == Action::drop;
        legal &= stack.size() > 1 && stack.back().state == state && stack.back().step == a.step + (state ? 0 : 1);
        stack.pop_back();
        bytes -= state ? plan.state_bytes : plan.step_bytes;
        --(state ? states_now : kept_now);
        if (!state) walked.push_back(a.step);
      }
      peak = std::max(peak, bytes);
      states = std::max(states, states_now);
      kept = std::max(kept, kept_now);
    }
    legal &= stack.size() == 1 && bytes == 0;
  }
};

}  // namespace unspool::test
