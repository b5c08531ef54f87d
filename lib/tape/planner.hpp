// Planner: what to do with a stretch of steps and so much memory. A schedule asks at every stretch that it comes to.
//
// F(t, m), the fewest forwards for t steps in memory m, with states of size p and steps of size q (Maddison 2024):
//   F(0, m) = 0,  F(1, m) = 1 if m >= q, else infinite,
//   F(t, m) = min{ 1 + F(t-1, m-q),  min over y of y + F(t-y, m-p) + F(y, m) }.
// Small problems are solved by that table. Large ones by capacities: with i states stored, k(i) = (M - i p) / q steps
// can be kept, and c(i, r), the steps that can be walked back computing none more than r times, is
//   c(i, 1) = k(i),  c(i, r) = c(i, r-1) + c(i+1, r).
// Stretches are then cut as Revolve cuts them, between these numbers.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/counted.hpp"
#include "unspool/plan.hpp"

namespace unspool::detail {

/// A stretch is walked back by recording its first `keep` steps and going on behind them, or by advancing over `advance`
/// steps and storing the state there.
struct Decision {
  std::int64_t keep = 0;
  std::int64_t advance = 0;
};

/// What a stretch takes and costs, without the state that it starts from.
struct StretchCost {
  std::int64_t forwards = 0, bytes = 0, states = 0, kept = 0;
};

class Planner : public Counted {
 public:
  /// The budget must suffice.
  Planner(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes, std::int64_t budget);
  /// For stretches of which the i-th has i stored states before it. By capacities.
  Planner(std::span<const std::int64_t> stretches, std::int64_t step_bytes, std::int64_t state_bytes,
          std::int64_t budget);

  /// `room` says what a stretch has left: whole() for all steps, less after what was kept or stored.
  Decision decide(std::int64_t steps, std::int64_t room) const {
    return by_table_ ? decision_at(steps, room) : decide_by_capacity(steps, room);
  }
  std::int64_t whole() const { return by_table_ ? rows_ - 1 : 0; }
  std::int64_t after_keeping(std::int64_t room, std::int64_t steps) const {
    return by_table_ ? room - steps * step_size_ : room;
  }
  std::int64_t after_storing(std::int64_t room) const { return by_table_ ? room - state_size_ : room + 1; }

  StretchCost cost() const;
  /// Of all stretches, the states before each included.
  StretchCost cost_of(std::span<const std::int64_t> stretches) const;
  /// No schedule computes fewer steps than this.
  std::int64_t least_forwards(std::int64_t forwards) const;

 private:
  using Costs = std::map<std::pair<std::int64_t, std::int64_t>, StretchCost>;

  void choose_units();
  void fill_table();
  void keep_decisions();
  void fill_capacities(std::span<const std::int64_t> stretches);
  std::int64_t kept_at_most(std::int64_t stored) const { return (budget_ - stored * state_bytes_) / step_bytes_; }
  std::int64_t capacity(std::int64_t stored, std::int64_t repeats) const;
  float entry(std::int64_t room, std::int64_t steps) const {
    return room < 0 ? infinite : table_[static_cast<std::size_t>(room * (steps_ + 1) + steps)];
  }
  Decision decide_by_table(std::int64_t steps, std::int64_t room) const;
  Decision decision_at(std::int64_t steps, std::int64_t room) const;
  Decision decide_by_capacity(std::int64_t steps, std::int64_t stored) const;
  StretchCost cost_of(std::int64_t steps, std::int64_t room, Costs& known) const;

  static constexpr float infinite = 1e30f;

  std::int64_t steps_, step_bytes_, state_bytes_, budget_;
  std::int64_t step_size_ = 0, state_size_ = 0, rows_ = 0;  // in units of the table
  bool exact_units_ = false;
  bool by_table_ = false;
  std::vector<float> table_;  // F(t, m), [m][t], whole numbers, while the decisions are made
  struct Known {
    std::int32_t steps, room;
    std::int32_t advance;  // 0: keep a step
  };
  std::vector<Known> decisions_;                       // that a schedule comes to, by steps and room
  std::vector<std::vector<std::int64_t>> capacities_;  // c(i, r) or, where that is more, steps_; [r - 1][i]
};

void retain(const Planner& planner) noexcept;
void release(const Planner& planner) noexcept;

}  // namespace unspool::detail
