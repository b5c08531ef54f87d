// Reading labels out of CTC logits: the best alignment, or the best labels over all their alignments. The loss that
// such logits are trained with is ctc_loss().
#pragma once

#include <span>
#include <vector>

#include "unspool/ids.hpp"
#include "unspool/sequence.hpp"

namespace unspool {

/// Labels and the logarithm of a probability: see the decoder for whose.
struct CtcPath {
  std::vector<std::int64_t> labels;
  double log_prob = 0;
};

struct CtcBeamOptions {
  std::int64_t width = 16;  ///< prefixes kept after each step
  std::int64_t best = 1;    ///< results a row, at most `width`
  std::int64_t blank = 0;   ///< the class that stands for no label
};

namespace detail {

template <Scalar T>
UNSPOOL_API std::vector<CtcPath> ctc_greedy(const Shape& shape, std::span<const T> logits, const Ids& lengths,
                                            std::int64_t blank);
template <Scalar T>
UNSPOOL_API std::vector<std::vector<CtcPath>> ctc_beam(const Shape& shape, std::span<const T> logits,
                                                       const Ids& lengths, const CtcBeamOptions& options);

}  // namespace detail

/// For each row of logits [T,B,C] the labels of its most probable alignment, repeats merged and blanks left out, and
/// that one alignment's log-probability (Graves et al., ICML 2006, section 3.2). Of equal logits the lowest class is
/// taken. A row of length 0 has no labels. Throws shape_mismatch, bad_argument for a length, index_out_of_range for the
/// blank, nonfinite for a NaN or +inf.
template <Scalar T>
std::vector<CtcPath> ctc_greedy_decode(const Var<T>& logits, const Ids& lengths, std::int64_t blank = 0) {
  return detail::ctc_greedy<T>(logits.shape(), logits.values(), lengths, blank);
}
template <Scalar T>
std::vector<CtcPath> ctc_greedy_decode(const Tensor<T>& logits, const Ids& lengths, std::int64_t blank = 0) {
  return detail::ctc_greedy<T>(logits.shape(), logits.values(), lengths, blank);
}
template <Scalar T>
std::vector<CtcPath> ctc_greedy_decode(const Sequence<T>& logits, std::int64_t blank = 0) {
  return ctc_greedy_decode(logits.padded(), Ids(logits.lengths()), blank);
}

/// For each row the `best` most probable label sequences found by prefix beam search (Hannun et al., arXiv:1408.2873,
/// algorithm 1, without a language model), best first; log_prob sums over the alignments that stayed in the beam. With
/// a beam as wide as there are prefixes the search is exact. Equal probabilities are ordered by their labels. Throws
/// what ctc_greedy_decode throws, bad_argument for a width or a number of results below 1.
template <Scalar T>
std::vector<std::vector<CtcPath>> ctc_beam_decode(const Var<T>& logits, const Ids& lengths,
                                                  const CtcBeamOptions& options = {}) {
  return detail::ctc_beam<T>(logits.shape(), logits.values(), lengths, options);
}
template <Scalar T>
std::vector<std::vector<CtcPath>> ctc_beam_decode(const Tensor<T>& logits, const Ids& lengths,
                                                  const CtcBeamOptions& options = {}) {
  return detail::ctc_beam<T>(logits.shape(), logits.values(), lengths, options);
}
template <Scalar T>
std::vector<std::vector<CtcPath>> ctc_beam_decode(const Sequence<T>& logits, const CtcBeamOptions& options = {}) {
  return ctc_beam_decode(logits.padded(), Ids(logits.lengths()), options);
}

}  // namespace unspool
