// Plans as the user sees them: what a budget costs, and the actions in turn.
#include "unspool/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "tape/planner.hpp"
#include "unspool/shared.hpp"

namespace unspool {
namespace {

using namespace detail;

constexpr std::int64_t most = INT64_MAX;
constexpr int dropping = 4;  // the last stage of a cut

// Saturates: what it is compared with is smaller.
std::int64_t binomial(std::int64_t n, std::int64_t k) {
  double value = 1;
  for (std::int64_t i = 1; i <= k; ++i) {
    value = value * static_cast<double>(n - k + i) / static_cast<double>(i);
    if (value > 4e15) return most;
  }
  return static_cast<std::int64_t>(value + 0.5);
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes < KiB(10)) return fmt::format("{} bytes", bytes);
  if (bytes < MiB(10)) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

void check_plan(const Plan& p) {
  constexpr const char* op = "plan";
  require(p.steps >= 0 && p.step_bytes >= 0 && p.state_bytes >= 0, ErrorCode::bad_argument, op,
          "steps and sizes must not be negative; given {} steps, {} bytes a step and {} a state", p.steps, p.step_bytes,
          p.state_bytes);
  const std::int64_t least = least_budget(p.steps, p.step_bytes, p.state_bytes);
  require(p.budget >= least, ErrorCode::bad_argument, op, "the budget must be at least {} bytes, {}; given {}", least,
          p.steps > 1 ? "one step and one state" : "one step", p.budget);
}

void fill(Plan& plan, const Planner& planner, const StretchCost& cost) {
  plan.peak_bytes = cost.bytes;
  plan.forwards = cost.forwards;
  plan.stored_states = cost.states;
  plan.kept_steps = cost.kept;
  plan.least_forwards = planner.least_forwards(cost.forwards);
}

}  // namespace

double Plan::slowdown(double backward) const {
  if (steps == 0) return 1;
  const double n = static_cast<double>(steps);
  return (static_cast<double>(forwards) + backward * n) / ((1 + backward) * n);
}

std::string Plan::to_string() const {
  std::string text = fmt::format("{} steps of {}, states of {}, within {}\n", steps, bytes_text(step_bytes),
                                 bytes_text(state_bytes), bytes_text(budget));
  text += fmt::format("  peak      {}: up to {} states stored, up to {} steps kept\n", bytes_text(peak_bytes),
                      stored_states, kept_steps);
  text +=
      fmt::format("  forwards  {}{}\n", forwards,
                  is_least() ? ", the fewest possible" : fmt::format("; none does with fewer than {}", least_forwards));
  text += fmt::format("  slowdown  {:.2f}x when a backward step takes two forward ones\n", slowdown());
  return text;
}

std::int64_t least_budget(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes) {
  if (steps <= 0) return 0;
  const std::int64_t step = std::max<std::int64_t>(step_bytes, 1), state = std::max<std::int64_t>(state_bytes, 1);
  if (steps == 1) return step;
  return step > most - state ? most : step + state;
}

std::int64_t least_recomputation(std::int64_t steps, std::int64_t stored) {
  require(steps > 0 && stored > 0, ErrorCode::bad_argument, "least_recomputation",
          "steps and stored states must be positive; given {} and {}", steps, stored);
  const std::int64_t s = std::min(stored, steps);
  std::int64_t r = 0;
  if (s == 1) return steps % 2 == 0 ? steps / 2 * (steps - 1) : (steps - 1) / 2 * steps;
  while (binomial(s + r, s) < steps) ++r;
  return r == 0 ? 0 : r * steps - binomial(s + r, r - 1);
}

Plan plan(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes, std::int64_t budget) {
  return Schedule(steps, step_bytes, state_bytes, budget).plan();
}

Schedule::Schedule(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes, std::int64_t budget) try
    : plan_{.steps = steps, .step_bytes = step_bytes, .state_bytes = state_bytes, .budget = budget} {
  check_plan(plan_);
  auto planner = Shared<Planner>::adopt(new Planner(steps, step_bytes, state_bytes, budget));
  fill(plan_, *planner, planner->cost());
  stored_.push_back(0);
  frames_.reserve(64);
  retain(*planner);
  planner_ = planner.get();
  restart();
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "plan", "memory for the plan of {} steps could not be had", steps);
}

Schedule::Schedule(const OnlineSchedule& online, std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes,
                   std::int64_t budget) try
    : plan_{.steps = steps, .step_bytes = step_bytes, .state_bytes = state_bytes, .budget = budget},
      stored_(online.stored()) {
  check_plan(plan_);
  const auto states = static_cast<std::int64_t>(stored_.size());
  require(states > 0 && stored_.back() < steps, ErrorCode::bad_argument, "plan",
          "the schedule must have been asked for each of the {} steps", steps);
  const double least = static_cast<double>(step_bytes) + static_cast<double>(states) * static_cast<double>(state_bytes);
  require(static_cast<double>(budget) >= least, ErrorCode::bad_argument, "plan",
          "the budget must be at least {:.0f} bytes, one step and {} states; given {}", least, states, budget);
  std::vector<std::int64_t> stretches(stored_.begin() + 1, stored_.end());
  stretches.push_back(steps);
  for (std::size_t i = 0; i < stretches.size(); ++i) stretches[i] -= stored_[i];
  auto planner = Shared<Planner>::adopt(new Planner(stretches, step_bytes, state_bytes, budget));
  StretchCost cost = planner->cost_of(stretches);
  cost.forwards += steps;
  fill(plan_, *planner, cost);
  frames_.reserve(64 + stored_.size());
  retain(*planner);
  planner_ = planner.get();
  restart();
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "plan", "memory for the plan of {} steps could not be had", steps);
}

Schedule::Schedule(const Schedule& other)
    : plan_(other.plan_), planner_(other.planner_), stored_(other.stored_), frames_(other.frames_) {
  if (planner_ != nullptr) retain(*planner_);
}

Schedule::Schedule(Schedule&& other) noexcept
    : plan_(other.plan_),
      planner_(std::exchange(other.planner_, nullptr)),
      stored_(std::move(other.stored_)),
      frames_(std::move(other.frames_)) {}

Schedule& Schedule::operator=(Schedule other) noexcept {
  std::swap(plan_, other.plan_);
  std::swap(planner_, other.planner_);
  stored_.swap(other.stored_);
  frames_.swap(other.frames_);
  return *this;
}

// Stored states are cuts whose right sides are under way.
void Schedule::restart() {
  frames_.clear();
  if (plan_.steps == 0) return;
  std::int64_t memory = planner_->whole();
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    Frame frame{stored_[i], plan_.steps - stored_[i], memory};
    if (i + 1 < stored_.size()) {
      frame.part = stored_[i + 1] - stored_[i];
      frame.stage = dropping;
    }
    frames_.push_back(frame);
    memory = planner_->after_storing(memory);
  }
}

// A frame is a stretch. Stages of one that keeps `part` steps: record them (0 .. part - 1), the steps behind them, walk
// back over them. Of one that is cut behind `part`: advance, store, the steps behind, drop; it then is what is left.
bool Schedule::next(Action& action) {
  while (!frames_.empty()) {
    Frame& f = frames_.back();
    if (f.stage == 0) {
      if (f.steps == 0) {
        frames_.pop_back();
        continue;
      }
      const Decision d = planner_->decide(f.steps, f.memory);
      f.part = d.keep > 0 ? d.keep : d.advance;
      f.keeps = d.keep > 0;
      f.done = 0;
      f.stage = 1;
    }
    const Frame now = f;
    if (now.keeps) {
      if (now.stage == 1) {
        action = {Action::record, now.begin + now.done, 1};
        if (++f.done == now.part) f.stage = 2;
        return true;
      }
      if (now.stage == 2) {
        f.stage = 3;
        frames_.push_back({now.begin + now.part, now.steps - now.part, planner_->after_keeping(now.memory, now.part)});
        continue;
      }
      action = {Action::back, now.begin + --f.done, 1};
      if (f.done == 0) frames_.pop_back();
      return true;
    }
    switch (now.stage) {
      case 1:
        f.stage = 2;
        action = {Action::advance, now.begin, now.part};
        return true;
      case 2:
        f.stage = 3;
        action = {Action::store, now.begin + now.part, 1};
        return true;
      case 3:
        f.stage = dropping;
        frames_.push_back({now.begin + now.part, now.steps - now.part, planner_->after_storing(now.memory)});
        continue;
      default:
        f.stage = 0;
        f.steps = now.part;
        action = {Action::drop, now.begin + now.part, 1};
        return true;
    }
  }
  return false;
}

}  // namespace unspool
