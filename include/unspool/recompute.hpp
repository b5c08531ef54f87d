// Recomputation: what checkpoint() and unroll() within a byte budget are made of, and what it took.
#pragma once

#include <span>
#include <vector>

#include "unspool/plan.hpp"
#include "unspool/tape.hpp"

namespace unspool {

/// What parts that are recomputed have taken and done since the tape's last reset.
struct RecomputeStats {
  std::int64_t forwards = 0;          ///< steps and parts computed, the first time included
  std::int64_t planned_forwards = 0;  ///< what the plans of all budgets ask for
  std::int64_t peak_bytes = 0;        ///< the most that one unroll() or layer had at once of what its budget counts
  Plan plan;                          ///< of the last unroll() within a budget, or the last cell of a layer
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
  /// Where nobody knows how many steps there are: whether the k-th is one. Asked once of each, in order.
  virtual bool more(std::int64_t /*k*/) { return false; }
};

enum class StepOutputs : std::uint8_t {
  none,  // not wanted
  rows,  // [rows,...] each, together [total rows,...]
  sum    // one element each, together their sum
};

struct StepsRequest {
  static constexpr std::int64_t unknown = -1;

  std::int64_t steps = 1;  // or `unknown`: the body tells
  std::int64_t total_rows = 0;
  StepOutputs outputs = StepOutputs::none;
  bool output_is_state = false;  // the first Var of a state has the output's values and gradient
  std::int64_t memory = -1;      // the budget; -1: everything is forgotten
  bool outputs_count = true;     // in the budget, with their gradient
  int group = -1;                // of segments that share a budget; open_budget()
};

/// What steps take of a budget, each as much as the first.
struct UNSPOOL_API StepCost {
  std::int64_t steps = 0;
  std::int64_t value_bytes = 0;   // of a recording
  std::int64_t node_bytes = 0;    // of its nodes; they lie elsewhere, and their memory stays theirs
  std::int64_t state_bytes = 0;   // of a stored state
  std::int64_t walk_bytes = 0;    // while steps are run or walked: gradients, and states on the way
  std::int64_t output_bytes = 0;  // of all steps' outputs and their gradient

  /// For recordings, nodes and states.
  std::int64_t least() const;
  std::int64_t most() const;
  /// Of so many bytes for them, what is left when the nodes of as many steps as can be kept have theirs.
  std::int64_t without_nodes(std::int64_t bytes) const;
};

/// Runs the steps and forgets what the budget has no room for. Takes the body over. Throws what the body throws, and
/// bad_argument for an impossible budget; the tape is then as it was.
UNSPOOL_API void run_steps(TapeCore& tape, StepBody* body, const StepsRequest& request, std::vector<Handle>& state,
                           Handle& output, Where where);
/// What the steps take: computes the first one and forgets it.
UNSPOOL_API StepCost measure_steps(TapeCore& tape, StepBody* body, const StepsRequest& request,
                                   std::vector<Handle> state, Where where);
/// Zeros that want a gradient, in the place of what is not there yet.
UNSPOOL_API Handle record_stand_in(TapeCore& tape, const Shape& shape, Where where);
/// What lies between segments that share a budget: rows that stay, and gradients that are there at once.
struct BetweenBytes {
  std::int64_t kept = 0;
  std::int64_t walked = 0;
};
/// Shares a budget out among segments that are there at once, each in proportion to what it would keep. Throws
/// bad_argument for an impossible budget, naming the least possible one.
UNSPOOL_API std::vector<std::int64_t> share_budget(std::span<const StepCost> costs, const BetweenBytes& between,
                                                   std::int64_t budget, const char* op);
/// What a gradient of so many bytes takes.
UNSPOOL_API std::int64_t pool_bytes(std::int64_t bytes);
/// The group for their requests.
UNSPOOL_API int open_budget(TapeCore& tape, std::span<const StepCost> costs, std::span<const std::int64_t> shares,
                            const BetweenBytes& between);
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

/// What is recorded while it lives is taken back.
class UNSPOOL_API Rewinding {
 public:
  explicit Rewinding(TapeCore& tape) : tape_(&tape), mark_(mark(tape)) {}
  Rewinding(const Rewinding&) = delete;
  Rewinding& operator=(const Rewinding&) = delete;
  ~Rewinding() { rewind(*tape_, mark_); }

 private:
  TapeCore* tape_;
  Mark mark_;
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
