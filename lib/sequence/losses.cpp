#include "base/check.hpp"
#include "unspool/sequence_losses.hpp"

namespace unspool {

template <Scalar T>
Var<T> binary_cross_entropy_with_logits(const Sequence<T>& x, const Var<T>& target, Reduction reduction, Where where) {
  const Var<T> padded = x.padded(0, where);
  detail::require(padded.shape() == target.shape(), ErrorCode::shape_mismatch, "binary_cross_entropy_with_logits",
                  "the target must be padded as x is; x is {} and the target {}", padded.shape().to_string(),
                  target.shape().to_string());
  // Kept from call to call, so that a warm training step allocates nothing.
  thread_local std::vector<std::uint8_t> mask;
  mask.clear();
  for (std::int64_t t = 0; t < x.steps(); ++t)
    for (const std::int64_t length : x.lengths()) mask.push_back(t < length ? 1 : 0);
  return binary_cross_entropy_with_logits(padded, target, Ids(mask), reduction, where);
}

template Var<float> binary_cross_entropy_with_logits(const Sequence<float>&, const Var<float>&, Reduction, Where);
template Var<double> binary_cross_entropy_with_logits(const Sequence<double>&, const Var<double>&, Reduction, Where);

}  // namespace unspool
