// Recomputation: what checkpoint() and unroll() within a byte budget are made of, and what it took.
#pragma once

#include <vector>

#include "unspool/plan.hpp"
#include "unspool/tape.hpp"

namespace unspool {

/// What parts that are recomputed have taken and done since the tape's last reset.
struct RecomputeStats {
  std::int64_t forwards = 0;    ///< steps and parts computed, the first time included
  std::int64_t peak_bytes = 0;  ///< the most that one unroll() had at once of what its budget counts
  Plan plan;                    ///< of the last unroll() within a budget
};

namespace detail {

/// Where a step's rows lie among those of all steps, and how many rows its state has.
struct StepRange {
  std::int64_t first = 0;
  std::int64_t rows = -1;  // -1: there are no rows, the state is what it is
  std::int64_t state_rows = -1;
};

/// What a segment computes.
class UNSPOOL_API StepBody {
 public:
  StepBody() = default;
  StepBody(const StepBody&) = delete;
  StepBody& operator=(const StepBody&) = delete;
  virtual ~StepBody();
  /// The k-th step: replaces the state by the next one and sets `output`, if it has one.
  virtual void run(std::int64_t k, std::vector<Handle>& state, Handle& output) = 0;
  virtual StepRange range(std::int64_t /*k*/) const { return {}; }
};

enum class StepOutputs : std::uint8_t {
  none,  // not wanted
  rows,  // [rows,...] each, together [total rows,...]
  sum    // one element each, together their sum
};

struct StepsRequest {
  std::int64_t steps = 1;
  std::int64_t total_rows = 0;
  StepOutputs outputs = StepOutputs::none;
  bool output_is_state = false;  // the first Var of a state has the output's values and gradient
  std::int64_t memory = -1;      // the budget; -1: everything is forgotten
};

/// Runs the steps and forgets what the budget has no room for. Takes the body over. Throws what the body throws, and
/// bad_argument for an impossible budget; the tape is then as it was.
UNSPOOL_API void run_steps(TapeCore& tape, StepBody* body, const StepsRequest& request, std::vector<Handle>& state,
                           Handle& output, Where where);
/// While it lives, step() counts from here: a step t is step `first` + t.
class UNSPOOL_API StepOffset {
 public:
  StepOffset(TapeCore& tape, std::int64_t first);
  StepOffset(const StepOffset&) = delete;
  StepOffset& operator=(const StepOffset&) = delete;
  ~StepOffset();

 private:
  TapeCore* tape_;
  std::int64_t before_;
};

/// Packed rows that ops recorded now work on belong to steps that are recorded from the last to the first. To be called
/// under the guard of enter_packed().
UNSPOOL_API void reverse_packed(TapeCore& tape);
/// False on a tape that keeps gradient norms or a ledger: someone looks at single nodes, so all of them stay.
UNSPOOL_API bool forgets(const TapeCore& tape);
UNSPOOL_API RecomputeStats recompute_stats(const TapeCore& tape);

}  // namespace detail

/// What recomputation on this tape has taken and done since its last reset.
template <Scalar T>
RecomputeStats recompute_stats(const Tape<T>& tape) {
  return detail::recompute_stats(*tape.core());
}

}  // namespace unspool
