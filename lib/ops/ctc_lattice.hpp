// The lattice of one row's CTC alignments: T steps by 2L+1 states, the L labels with a blank before, between and after
// them. An alignment begins in one of the first two states, ends in one of the last two, and at each step stays, moves
// on by one, or, between two different labels, skips the blank. Graves et al., ICML 2006, section 4.1.
#pragma once

#include "ops/log_space.hpp"

namespace unspool {

template <class W>
class CtcLattice {
 public:
  /// Numbers of scratch for at most `steps`, `labels` and `classes`.
  static std::int64_t scratch_size(std::int64_t steps, std::int64_t labels, std::int64_t classes) {
    return (steps + 2) * classes + (steps + 9) * width(labels);
  }

  /// One row: log_probs() is to be filled with [steps, classes] before the rest is called.
  CtcLattice(W* scratch, std::int64_t steps, std::int64_t classes, std::span<const std::int64_t> labels,
             std::int64_t blank)
      : steps_(steps),
        classes_(classes),
        states_(2 * static_cast<std::int64_t>(labels.size()) + 1),
        width_(width(static_cast<std::int64_t>(labels.size()))),
        blank_(blank),
        labels_(labels) {
    log_probs_ = scratch;
    alpha_ = log_probs_ + steps * classes;
    jump_ = alpha_ + steps * width_;
    emission_ = jump_ + width_;
    moved_ = emission_ + width_;
    beta_ = moved_ + width_;
    next_ = beta_ + width_;
    work_ = next_ + width_;
    shares_ = work_ + 4 * width_;
    probs_ = shares_ + classes;
  }

  W* log_probs() { return log_probs_; }

  /// The logarithm of all alignments' probability: -infinity where there is none. Keeps the forward variables.
  W forward() {
    if (steps_ == 0) return labels_.empty() ? 0 : impossible;
    const auto& k = kernels::kernel_table<W>();
    fill_jumps();
    for (std::int64_t t = 0; t < steps_; ++t) {
      W* const now = alpha(t);
      k.fill(pad, impossible, now - pad);
      gather_emissions(t);
      if (t == 0) {
        k.fill(states_, impossible, now);
        now[0] = emission_[0];
        if (states_ > 1) now[1] = emission_[1];
        continue;
      }
      const W* const before = alpha(t - 1);
      k.add(states_, before - 2, jump_, moved_);
      log_add(states_, before, before - 1, moved_, work_, now);
      k.add(states_, now, emission_, now);
    }
    const W* const last = alpha(steps_ - 1);
    return log_add(last[states_ - 1], last[states_ - 2]);  // with no label the second is padding
  }

  /// After forward() with a possible result: visit(t, probs, shares) for t = steps-1..0, where probs [classes] are the
  /// probabilities of the classes at step t and shares [classes] how much of the alignments' probability emits each.
  template <class Visit>
  void backward(W log_total, Visit visit) {
    const auto& k = kernels::kernel_table<W>();
    k.fill(width_, impossible, beta_);
    beta_[states_ - 1] = 0;
    if (states_ > 1) beta_[states_ - 2] = 0;
    for (std::int64_t t = steps_ - 1; t >= 0; --t) {
      k.add(states_, alpha(t), beta_, moved_);
      k.axpb(states_, 1, moved_, -log_total, moved_);
      k.exp(states_, moved_, moved_);
      k.fill(classes_, 0, shares_);
      for (std::int64_t s = 0; s < states_; ++s) shares_[symbol(s)] += moved_[s];
      k.exp(classes_, log_probs_ + t * classes_, probs_);
      visit(t, static_cast<const W*>(probs_), static_cast<const W*>(shares_));
      if (t > 0) step_back(t);
    }
  }

 private:
  static constexpr std::int64_t pad = 2;
  static std::int64_t width(std::int64_t labels) { return 2 * labels + 1 + pad; }

  W* alpha(std::int64_t t) { return alpha_ + t * width_ + pad; }
  std::int64_t symbol(std::int64_t s) const { return s % 2 == 0 ? blank_ : labels_[static_cast<std::size_t>(s / 2)]; }

  // 0 where state s can be reached from s - 2, else -infinity.
  void fill_jumps() {
    for (std::int64_t s = 0; s < width_; ++s)
      jump_[s] = s % 2 == 1 && s > 1 && s < states_ && symbol(s) != symbol(s - 2) ? 0 : impossible;
  }
  void gather_emissions(std::int64_t t) {
    const W* const row = log_probs_ + t * classes_;
    for (std::int64_t s = 0; s < states_; ++s) emission_[s] = row[symbol(s)];
  }
  // beta of step t - 1 from that of step t: what follows a state, its own emission not included.
  void step_back(std::int64_t t) {
    const auto& k = kernels::kernel_table<W>();
    gather_emissions(t);
    k.add(states_, beta_, emission_, next_);
    k.fill(pad, impossible, next_ + states_);
    k.add(states_, next_ + 2, jump_ + 2, moved_);
    log_add(states_, next_, next_ + 1, moved_, work_, beta_);
  }

  std::int64_t steps_, classes_, states_, width_, blank_;
  std::span<const std::int64_t> labels_;
  W *log_probs_, *alpha_, *jump_, *emission_, *moved_, *beta_, *next_, *work_, *shares_, *probs_;
};

}  // namespace unspool
