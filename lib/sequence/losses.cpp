#include "base/check.hpp"
#include "unspool/sequence_losses.hpp"

namespace unspool {
namespace {

template <Scalar T>
void check_same_lengths(const Sequence<T>& x, const Sequence<T>& target, const char* op) {
  detail::require(x.same_lengths(target), ErrorCode::shape_mismatch, op,
                  "both sequences must have the same lengths in the same order; given {} and {}", x.lengths(),
                  target.lengths());
}

// The mean of no steps is 0, so that an empty batch does not poison a training run.
template <Scalar T>
Reduction defined(Reduction reduction, const Sequence<T>& xs) {
  return xs.total() == 0 && reduction == Reduction::mean ? Reduction::sum : reduction;
}

}  // namespace

template <Scalar T>
Var<T> cross_entropy(const Sequence<T>& logits, const Ids& targets, CrossEntropyOptions options, Where where) {
  options.reduction = defined(options.reduction, logits);
  detail::Scratch<std::int64_t> packed(detail::tape_of(logits.packed(), "cross_entropy"), logits.total());
  detail::pack_ids(logits.lengths(), logits.sorted_indices(), logits.steps(), targets, {packed.begin(), packed.size()});
  return cross_entropy(logits.packed(), Ids(packed), options, where);
}

template <Scalar T>
Var<T> binary_cross_entropy_with_logits(const Sequence<T>& x, const Var<T>& target, Reduction reduction, Where where) {
  const Var<T> padded = x.padded(0, where);
  detail::require(padded.shape() == target.shape(), ErrorCode::shape_mismatch, "binary_cross_entropy_with_logits",
                  "the target must be padded as x is; x is {} and the target {}", padded.shape(), target.shape());
  const auto lengths = x.lengths();
  detail::Scratch<std::uint8_t> mask(*padded.tape(), x.steps() * x.batch());
  std::uint8_t* counts = mask.begin();
  for (std::int64_t t = 0; t < x.steps(); ++t)
    for (const std::int64_t length : lengths) *counts++ = t < length ? 1 : 0;
  return binary_cross_entropy_with_logits(padded, target, Ids(mask), reduction, where);
}

template <Scalar T>
Var<T> binary_cross_entropy_with_logits(const Sequence<T>& x, const Sequence<T>& target, Reduction reduction,
                                        Where where) {
  check_same_lengths(x, target, "binary_cross_entropy_with_logits");
  return binary_cross_entropy_with_logits(x.packed(), target.packed(), defined(reduction, x), where);
}

template <Scalar T>
Var<T> mse(const Sequence<T>& x, const Sequence<T>& target, Reduction reduction, Where where) {
  check_same_lengths(x, target, "mse");
  return mse(x.packed(), target.packed(), defined(reduction, x), where);
}

template Var<float> cross_entropy(const Sequence<float>&, const Ids&, CrossEntropyOptions, Where);
template Var<double> cross_entropy(const Sequence<double>&, const Ids&, CrossEntropyOptions, Where);
template Var<Dual<double>> cross_entropy(const Sequence<Dual<double>>&, const Ids&, CrossEntropyOptions, Where);
template Var<float> binary_cross_entropy_with_logits(const Sequence<float>&, const Var<float>&, Reduction, Where);
template Var<double> binary_cross_entropy_with_logits(const Sequence<double>&, const Var<double>&, Reduction, Where);
template Var<Dual<double>> binary_cross_entropy_with_logits(const Sequence<Dual<double>>&, const Var<Dual<double>>&,
                                                            Reduction, Where);
template Var<float> binary_cross_entropy_with_logits(const Sequence<float>&, const Sequence<float>&, Reduction, Where);
template Var<double> binary_cross_entropy_with_logits(const Sequence<double>&, const Sequence<double>&, Reduction,
                                                      Where);
template Var<Dual<double>> binary_cross_entropy_with_logits(const Sequence<Dual<double>>&,
                                                            const Sequence<Dual<double>>&, Reduction, Where);
template Var<float> mse(const Sequence<float>&, const Sequence<float>&, Reduction, Where);
template Var<double> mse(const Sequence<double>&, const Sequence<double>&, Reduction, Where);
template Var<Dual<double>> mse(const Sequence<Dual<double>>&, const Sequence<Dual<double>>&, Reduction, Where);

}  // namespace unspool
