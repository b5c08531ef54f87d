// The gradient of a batch split by its examples, from one walk back over the whole batch: for clipping and noise in
// private training, for gradient noise, for finding the rows that a model learns from.
//
//   us::Tape<> tape({.step_ledger = true});
//   tape.backward(us::sum(losses));                                  // of B examples
//   std::vector<double> norms = us::per_example_norms(tape, params, B);
//   us::Tensor<> dW = us::per_example_gradients(tape, W, B);         // [B, ...W.shape]
//
// An example's share is what it adds to the sum: of a mean over examples, its gradient divided by B. Row r of what a
// step computes belongs to example r; rows of several steps at once ([T,B,...] seen as T B rows) to example r mod B;
// packed rows of a Sequence to the example that the Sequence took them from.
#pragma once

#include <vector>

#include "unspool/parameter.hpp"

namespace unspool {

namespace detail {
UNSPOOL_API void per_example_gradients(const TapeCore& tape, const ParameterCore& parameter, std::int64_t batch,
                                       void* out);
UNSPOOL_API void add_per_example_squares(const TapeCore& tape, const ParameterCore& parameter, std::span<double> sums);
UNSPOOL_API std::vector<double> zeros_for(std::int64_t batch);
UNSPOOL_API void take_roots(std::span<double> sums);
}  // namespace detail

/// Each example's share of the parameter's gradient in the last backward(): [batch, ...]; zeros for a parameter it did
/// not use. They add up to the gradient, and cost as many operations as its products. Throws no_gradient for a tape
/// without TapeOptions::step_ledger or before backward(), parameter_changed when a parameter was written since,
/// unsupported where a gradient did not come from products, column sums or looked-up rows (a parameter multiplied
/// elementwise), and shape_mismatch where rows are not the batch's.
template <Scalar T>
Tensor<T> per_example_gradients(const Tape<T>& tape, const Parameter<T>& p, std::int64_t batch) {
  std::vector<std::int64_t> extents{batch};
  extents.insert(extents.end(), p.shape().extents().begin(), p.shape().extents().end());
  Tensor<T> shares{Shape(std::span<const std::int64_t>(extents))};
  detail::per_example_gradients(*tape.core(), *p.core(), batch, shares.data());
  return shares;
}

/// The norm of each example's share over all parameters of the set. Makes no share that its rows' products with each
/// other tell the norm of: ‖Σ_t a_t b_tᵀ‖² = Σ_s,t (a_s·a_t)(b_s·b_t). Throws as per_example_gradients().
template <Scalar T>
std::vector<double> per_example_norms(const Tape<T>& tape, const ParameterSet<T>& params, std::int64_t batch) {
  std::vector<double> sums = detail::zeros_for(batch);
  for (const Parameter<T>& p : params) detail::add_per_example_squares(*tape.core(), *p.core(), sums);
  detail::take_roots(sums);
  return sums;
}

}  // namespace unspool
