// One row of a linear-chain CRF: the score of a tagging, the sum over all taggings, and what share of it goes through
// each tag and each pair of tags. Lafferty, McCallum and Pereira, ICML 2001; the forward-backward recursions are those
// of Rabiner, Proceedings of the IEEE 77(2), 1989, section III.
#pragma once

#include <algorithm>

#include "ops/log_space.hpp"

namespace unspool {

/// What all rows share.
template <class W>
struct CrfWeights {
  std::int64_t tags = 0;
  const W* transitions = nullptr;  // [from,to]
  const W* transposed = nullptr;   // [to,from]
  const W* start = nullptr;
  const W* end = nullptr;
};

template <class W>
class CrfChain {
 public:
  /// Numbers of scratch for at most `steps`.
  static std::int64_t scratch_size(std::int64_t steps, std::int64_t tags) {
    return 2 * steps * tags + tags * tags + 4 * tags;
  }

  /// emissions() is to be filled with [steps, tags] before the rest is called.
  CrfChain(W* scratch, const CrfWeights<W>& weights, std::int64_t steps)
      : w_(weights), steps_(steps), tags_(weights.tags) {
    emissions_ = scratch;
    alpha_ = emissions_ + steps * tags_;
    pairs_ = alpha_ + steps * tags_;
    beta_ = pairs_ + tags_ * tags_;
    ahead_ = beta_ + tags_;
    shares_ = ahead_ + tags_;
    sums_ = shares_ + tags_;
  }

  W* emissions() { return emissions_; }

  /// The score of one tagging: tag(t) is its tag at step t.
  template <class Tag>
  W score(Tag tag) const {
    if (steps_ == 0) return 0;
    W sum = w_.start[tag(0)] + w_.end[tag(steps_ - 1)];
    for (std::int64_t t = 0; t < steps_; ++t) sum += emissions_[t * tags_ + tag(t)];
    for (std::int64_t t = 1; t < steps_; ++t) sum += w_.transitions[tag(t - 1) * tags_ + tag(t)];
    return sum;
  }

  /// The logarithm of the sum of exp(score) over all taggings. Keeps the forward variables.
  W forward() {
    if (steps_ == 0) return 0;
    const auto& k = kernels::kernel_table<W>();
    k.add(tags_, w_.start, emissions_, alpha_);
    for (std::int64_t t = 1; t < steps_; ++t) {
      k.add_rows(tags_, tags_, w_.transposed, alpha_ + (t - 1) * tags_, pairs_);
      k.row_logsumexp(tags_, tags_, pairs_, sums_);
      k.add(tags_, sums_, emissions_ + t * tags_, alpha_ + t * tags_);
    }
    k.add(tags_, alpha_ + (steps_ - 1) * tags_, w_.end, sums_);
    W total = 0;
    k.row_logsumexp(1, tags_, sums_, &total);
    return total;
  }

  /// After forward() with a finite result, for t = steps-1..0: at_step(t, shares [tags]) and, from the second step on,
  /// at_pair(shares [from,to]), the probabilities of the tag at t and of the tags at t-1 and t.
  template <class AtStep, class AtPair>
  void backward(W log_total, AtStep at_step, AtPair at_pair) {
    const auto& k = kernels::kernel_table<W>();
    std::copy_n(w_.end, tags_, beta_);
    for (std::int64_t t = steps_ - 1; t >= 0; --t) {
      k.add(tags_, alpha_ + t * tags_, beta_, shares_);
      k.axpb(tags_, 1, shares_, -log_total, shares_);
      k.exp(tags_, shares_, shares_);
      at_step(t, static_cast<const W*>(shares_));
      if (t == 0) return;
      const W* const before = alpha_ + (t - 1) * tags_;
      k.add(tags_, beta_, emissions_ + t * tags_, ahead_);
      k.add_rows(tags_, tags_, w_.transitions, ahead_, pairs_);
      k.row_logsumexp(tags_, tags_, pairs_, beta_);
      for (std::int64_t i = 0; i < tags_; ++i)
        k.axpb(tags_, 1, pairs_ + i * tags_, before[i] - log_total, pairs_ + i * tags_);
      k.exp(tags_ * tags_, pairs_, pairs_);
      at_pair(static_cast<const W*>(pairs_));
    }
  }

 private:
  const CrfWeights<W>& w_;
  std::int64_t steps_, tags_;
  W *emissions_, *alpha_, *pairs_, *beta_, *ahead_, *shares_, *sums_;
};

}  // namespace unspool
