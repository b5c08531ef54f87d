// Losses over a Sequence: what masks and lengths say for padded tensors, the sequence knows. Means are over the steps
// that exist, of all rows, and 0 where there are none. The CRF layer has its form in crf.hpp.
#pragma once

#include "unspool/ops.hpp"
#include "unspool/sequence.hpp"

namespace unspool {

/// One class at every step: logits of rows [C]; targets [T,B], whatever the padding holds. Throws shape_mismatch,
/// index_out_of_range.
template <Scalar T>
Var<T> cross_entropy(const Sequence<T>& logits, const Ids& targets, CrossEntropyOptions options = {},
                     Where where = Where::current());

/// Yes or no at every step: target [T,B,...] as x.padded() is, whatever its padding holds. Reduction::none gives
/// [T,B,...] with zeros in the padding. Throws shape_mismatch.
template <Scalar T>
Var<T> binary_cross_entropy_with_logits(const Sequence<T>& x, const Var<T>& target,
                                        Reduction reduction = Reduction::mean, Where where = Where::current());
/// The same with a target of the same lengths; Reduction::none gives [N,...], packed. Throws shape_mismatch.
template <Scalar T>
Var<T> binary_cross_entropy_with_logits(const Sequence<T>& x, const Sequence<T>& target,
                                        Reduction reduction = Reduction::mean, Where where = Where::current());

/// Squared differences at every step; Reduction::none gives [N,...], packed. Throws shape_mismatch.
template <Scalar T>
Var<T> mse(const Sequence<T>& x, const Sequence<T>& target, Reduction reduction = Reduction::mean,
           Where where = Where::current());

/// ctc_loss() with the input lengths of the sequence.
template <Scalar T>
Var<T> ctc_loss(const Sequence<T>& logits, const Ids& targets, const Ids& target_lengths,
                const CtcOptions& options = {}, Where where = Where::current()) {
  return ctc_loss(logits.padded(0, where), targets, Ids(logits.lengths()), target_lengths, options, where);
}

extern template UNSPOOL_API Var<float> cross_entropy(const Sequence<float>&, const Ids&, CrossEntropyOptions, Where);
extern template UNSPOOL_API Var<double> cross_entropy(const Sequence<double>&, const Ids&, CrossEntropyOptions, Where);
extern template UNSPOOL_API Var<Dual<double>> cross_entropy(const Sequence<Dual<double>>&, const Ids&,
                                                            CrossEntropyOptions, Where);
extern template UNSPOOL_API Var<float> binary_cross_entropy_with_logits(const Sequence<float>&, const Var<float>&,
                                                                        Reduction, Where);
extern template UNSPOOL_API Var<double> binary_cross_entropy_with_logits(const Sequence<double>&, const Var<double>&,
                                                                         Reduction, Where);
extern template UNSPOOL_API Var<Dual<double>> binary_cross_entropy_with_logits(const Sequence<Dual<double>>&,
                                                                               const Var<Dual<double>>&, Reduction,
                                                                               Where);
extern template UNSPOOL_API Var<float> binary_cross_entropy_with_logits(const Sequence<float>&, const Sequence<float>&,
                                                                        Reduction, Where);
extern template UNSPOOL_API Var<double> binary_cross_entropy_with_logits(const Sequence<double>&,
                                                                         const Sequence<double>&, Reduction, Where);
extern template UNSPOOL_API Var<Dual<double>> binary_cross_entropy_with_logits(const Sequence<Dual<double>>&,
                                                                               const Sequence<Dual<double>>&, Reduction,
                                                                               Where);
extern template UNSPOOL_API Var<float> mse(const Sequence<float>&, const Sequence<float>&, Reduction, Where);
extern template UNSPOOL_API Var<double> mse(const Sequence<double>&, const Sequence<double>&, Reduction, Where);
extern template UNSPOOL_API Var<Dual<double>> mse(const Sequence<Dual<double>>&, const Sequence<Dual<double>>&,
                                                  Reduction, Where);

}  // namespace unspool
