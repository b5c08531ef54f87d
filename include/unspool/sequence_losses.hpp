// Losses over a Sequence: what masks and lengths say for padded tensors, the sequence knows. cross_entropy has its form
// in sequence.hpp, the CRF layer in crf.hpp.
#pragma once

#include "unspool/ops.hpp"
#include "unspool/sequence.hpp"

namespace unspool {

/// Yes or no at every step that exists: target [T,B,...] as x.padded() is, whatever its padding holds. The mean is over
/// the elements of all steps, and 0 where there are none; Reduction::none gives [T,B,...] with zeros in the padding.
/// Throws shape_mismatch.
template <Scalar T>
Var<T> binary_cross_entropy_with_logits(const Sequence<T>& x, const Var<T>& target,
                                        Reduction reduction = Reduction::mean, Where where = Where::current());

/// ctc_loss() with the input lengths of the sequence.
template <Scalar T>
Var<T> ctc_loss(const Sequence<T>& logits, const Ids& targets, const Ids& target_lengths,
                const CtcOptions& options = {}, Where where = Where::current()) {
  return ctc_loss(logits.padded(0, where), targets, Ids(logits.lengths()), target_lengths, options, where);
}

extern template UNSPOOL_API Var<float> binary_cross_entropy_with_logits(const Sequence<float>&, const Var<float>&,
                                                                        Reduction, Where);
extern template UNSPOOL_API Var<double> binary_cross_entropy_with_logits(const Sequence<double>&, const Var<double>&,
                                                                         Reduction, Where);

}  // namespace unspool
