// The ledger: a parameter's gradient split by the time steps that it is the sum of. Kept by tapes that ask for it.
#pragma once

#include <vector>

#include "unspool/parameter.hpp"
#include "unspool/tape.hpp"

namespace unspool {

/// One step's share dW_t of a parameter's gradient dW = Σ_t dW_t. A share belongs to the step of the op that read the
/// parameter. Where that op multiplies the rows of all steps of a Sequence at once (a layer's input projection,
/// Linear), each row's part belongs to its step. Of any other tensor nobody knows which rows are which steps: Linear
/// over [T,B,I] counts as `outside`; give it a Sequence.
struct StepShare {
  static constexpr std::int64_t outside = -1;

  std::int64_t step = outside;  ///< as given to Tape::step(); `outside` for ops recorded in none
  double norm = 0;              ///< ‖dW_t‖
  double dot = 0;               ///< ⟨dW_t, dW⟩; they add up to ‖dW‖²
  double cosine = 0;            ///< of the angle between dW_t and dW; 0 where either vanishes
  double running_norm = 0;      ///< ‖Σ_(s ≥ t) dW_s‖, what the walk back has gathered when it leaves step t
};

namespace detail {
UNSPOOL_API std::vector<StepShare> step_shares(const TapeCore& tape, const ParameterCore& parameter);
UNSPOOL_API void step_share(const TapeCore& tape, const ParameterCore& parameter, std::int64_t step, void* out);
}  // namespace detail

/// The shares of `p` in the last backward() on `tape`, in ascending order of step; none for a parameter it did not use.
/// Costs about as much as the products of that gradient took, twice. Throws no_gradient for a tape without
/// TapeOptions::step_ledger or before backward(), parameter_changed when a parameter was written since.
template <Scalar T>
std::vector<StepShare> step_shares(const Tape<T>& tape, const Parameter<T>& p) {
  return detail::step_shares(*tape.core(), *p.core());
}

/// One step's share, of the parameter's shape: zeros where the step has none. Throws like step_shares().
template <Scalar T>
Tensor<T> step_share(const Tape<T>& tape, const Parameter<T>& p, std::int64_t step) {
  Tensor<T> share(p.shape());
  detail::step_share(*tape.core(), *p.core(), step, share.data());
  return share;
}

}  // namespace unspool
