// Plans: how to walk back over many steps without keeping them all. Some states and some steps' recordings are kept;
// what was forgotten is computed again from the nearest state before it, in the order that repeats least.
//
//   std::cout << us::plan(1000, step_bytes, state_bytes, us::MiB(2));   // peak, forwards, slowdown, before anything runs
//
// unroll() with a byte budget follows such a plan by itself (unroll.hpp); Schedule is for loops of your own.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

#include "unspool/export.hpp"

namespace unspool {

/// Bytes in so many kibibytes, mebibytes, gibibytes. Whole numbers only: a NaN has no bytes.
constexpr std::int64_t KiB(std::integral auto n) { return static_cast<std::int64_t>(n) * 1024; }
constexpr std::int64_t MiB(std::integral auto n) { return KiB(n) * 1024; }
constexpr std::int64_t GiB(std::integral auto n) { return MiB(n) * 1024; }

/// What a walk back over `steps` steps within a budget takes and costs. A step's recording counts step_bytes, a stored
/// state state_bytes; the state that the first step starts from is the caller's and counts nothing.
struct UNSPOOL_API Plan {
  std::int64_t steps = 0;
  std::int64_t step_bytes = 0;
  std::int64_t state_bytes = 0;
  std::int64_t budget = 0;

  std::int64_t peak_bytes = 0;      ///< stored states and kept steps, the most at once
  std::int64_t forwards = 0;        ///< steps computed in all, the first time included
  std::int64_t least_forwards = 0;  ///< what no schedule within the budget can do without
  std::int64_t stored_states = 0;   ///< the most at once
  std::int64_t kept_steps = 0;      ///< the most at once

  /// No schedule computes fewer steps.
  bool is_least() const { return forwards == least_forwards; }
  /// Time against a walk that keeps everything, when a backward step takes as long as so many forward ones.
  double slowdown(double backward = 2) const;
  /// A few lines, as plan() is printed.
  std::string to_string() const;
};

template <class Stream>
requires requires(Stream& out, const std::string& text) { out << text; }
Stream& operator<<(Stream& out, const Plan& plan) {
  out << plan.to_string();
  return out;
}

/// The plan of fewest forwards. Exact (Maddison, J. Comput. Sci. 82, 2024: states and whole steps are kept) where the
/// tables for it stay small, else within a few percent of least_forwards; is_least() tells. Throws bad_argument for
/// negative sizes, and for a budget that no schedule meets: the message names the least possible one.
UNSPOOL_API Plan plan(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes, std::int64_t budget);

/// The least budget with which `steps` steps can be walked back: one step, and one state where there are several.
UNSPOOL_API std::int64_t least_budget(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes);

/// The fewest steps that must be computed again to walk back over `steps` of them with `stored` states kept at once,
/// the first included, when of recordings only the step under way is kept (Revolve: Griewank and Walther, ACM TOMS
/// 26(1), 2000, theorem 1). Throws bad_argument unless both are positive.
UNSPOOL_API std::int64_t least_recomputation(std::int64_t steps, std::int64_t stored);

/// What a schedule asks for next. States and kept steps lie on one stack.
struct Action {
  enum Kind : std::uint8_t {
    advance,  ///< compute `count` steps from `step` on, from the state on top of the stack, and forget them
    store,    ///< push the state that was reached, the one before `step`
    record,   ///< compute `step` from the state on top of the stack and push the recording
    back,     ///< walk back over `step`, whose recording is on top, and pop it
    drop      ///< pop the state on top, the one before `step`
  };
  Kind kind = advance;
  std::int64_t step = 0;
  std::int64_t count = 1;
};

/// Which states to store while steps run on and nobody knows how many will come (Wang, Moin and Iaccarino, SIAM J. Sci.
/// Comput. 31(4), 2009, algorithm 1). With s stored states, walking back over n steps computes no step more than r + 2
/// times, the first included, where r is the smallest number with C(s + r, s) >= n: once more than if n had been known.
class UNSPOOL_API OnlineSchedule {
 public:
  static constexpr std::int64_t none = -1;

  /// Room for so many states, the first step's included. Throws bad_argument below 1.
  explicit OnlineSchedule(std::int64_t states);
  /// Room for as many states as leave a budget enough to walk back from the last of them; no more than 4096, which are
  /// enough for a thousand million steps. Throws bad_argument for negative sizes, and for a budget below
  /// least_budget(2, step_bytes, state_bytes).
  static OnlineSchedule within(std::int64_t step_bytes, std::int64_t state_bytes, std::int64_t budget);

  /// Asks for each step 0, 1, 2, ... before it is computed. True: store the state before it; when `*replaced` is not
  /// `none`, in place of the one before that step.
  bool wants(std::int64_t step, std::int64_t* replaced);
  /// The steps whose states are stored, ascending.
  std::vector<std::int64_t> stored() const;
  std::int64_t states() const { return states_; }

 private:
  struct Entry {
    std::int64_t step;
    std::int64_t level;
  };
  std::int64_t states_;
  std::vector<Entry> entries_;  // by step
};

namespace detail {
class Planner;
UNSPOOL_API void drop_planner(const Planner* planner) noexcept;
}  // namespace detail

/// The actions of a plan, one after the other. A plan's schedule computes every step once, in order, before its first
/// `back`; that is where a loss may come in. One from stored states begins where that has happened: the states lie on
/// the stack, and its plan's forwards count the run that they come from.
class UNSPOOL_API Schedule {
 public:
  /// Throws what plan() throws.
  Schedule(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes, std::int64_t budget);
  /// The walk back over a run of `steps` steps from the states that `online` has stored on the way. What is between two
  /// of them is walked back within what the budget leaves besides those before. Throws bad_argument for a budget that
  /// has no room for the states, another and a step.
  Schedule(const OnlineSchedule& online, std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes,
           std::int64_t budget);
  Schedule(const Schedule& other);
  Schedule(Schedule&& other) noexcept;
  Schedule& operator=(Schedule other) noexcept;
  ~Schedule() { detail::drop_planner(planner_); }

  const Plan& plan() const { return plan_; }
  /// False when every step has been walked back.
  bool next(Action& action);
  /// Back to the first action.
  void restart();

 private:
  struct Frame {
    std::int64_t begin, steps, memory;
    std::int64_t part = 0, done = 0;
    int stage = 0;
    bool keeps = false;
  };

  Plan plan_;
  const detail::Planner* planner_ = nullptr;
  std::vector<std::int64_t> stored_;  // steps whose states were there before; the first is 0
  std::vector<Frame> frames_;
};

}  // namespace unspool
