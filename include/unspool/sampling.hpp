// Choosing a symbol from logits: the most likely one, or a random one with temperature, top-k and nucleus.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/random.hpp"
#include "unspool/scalar.hpp"

namespace unspool {

struct SamplingOptions {
  double temperature = 1;  ///< logits are divided by it; 0 always takes the most likely symbol
  std::int64_t top_k = 0;  ///< only the k most likely symbols; 0: all. Of equal ones those with the lower number
  double top_p = 1;  ///< only the fewest most likely symbols whose probability reaches p (Holtzman et al., ICLR 2020)
};

/// The position of the largest logit, the lowest of equal ones. Throws bad_argument where there is none or all are
/// -inf, nonfinite for a NaN or +inf.
template <Scalar T>
UNSPOOL_API std::int64_t greedy(std::span<const T> logits);

/// Draws symbols. Number n of a sampler is a function of seed, stream, n and the logits alone; give each row of a batch
/// a stream of its own. Temperature comes first, then top_k, then top_p among what is left.
class UNSPOOL_API Sampler {
 public:
  /// Throws bad_argument unless temperature and top_k are at least 0 and top_p is above 0 and at most 1.
  explicit Sampler(const SamplingOptions& options = {}, Seed seed = {}, std::uint64_t stream = 0);

  /// A symbol 0..V-1. Symbols with logit -inf are never drawn. A k above V means all. Throws bad_argument where no
  /// symbol is possible, nonfinite for a NaN or +inf. Allocates at the first call only.
  template <Scalar T>
  std::int64_t operator()(std::span<const T> logits);
  template <Scalar T>
  std::int64_t operator()(const std::vector<T>& logits) {
    return (*this)(std::span<const T>(logits));
  }
  /// The log-probability of the symbol drawn last, under the distribution it was drawn from; 0 at temperature 0.
  double log_prob() const noexcept { return log_prob_; }
  /// True with probability sigmoid(logit): whether to go on (or to stop), decided by a network's output. Throws
  /// nonfinite for NaN.
  bool coin(double logit);

 private:
  std::int64_t draw();

  SamplingOptions options_;
  Random random_;
  double log_prob_ = 0;
  std::vector<double> weights_;      // exp of what is left of the logits, up to a common factor
  std::vector<std::int64_t> order_;  // symbols, the most likely first where top_k or top_p asks for it
};

extern template UNSPOOL_API std::int64_t greedy(std::span<const float>);
extern template UNSPOOL_API std::int64_t greedy(std::span<const double>);
extern template UNSPOOL_API std::int64_t Sampler::operator()(std::span<const float>);
extern template UNSPOOL_API std::int64_t Sampler::operator()(std::span<const double>);

}  // namespace unspool
