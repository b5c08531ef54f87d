// StepLedger: what the last walk added to each parameter, kept by step until the next one.
//
// Queued products are kept as what they were queued with, a few rows a step, and multiplied again when asked for. What
// a rule adds to a parameter directly goes to a buffer of the step, and from there to the gradient when the walk ends.
#pragma once

#include <vector>

#include "tape/deferred.hpp"

namespace unspool::detail {

class StepLedger {
 public:
  /// A queued contribution to leaf `target`.
  struct Queued {
    std::uint32_t target;
    Deferred::Kind kind;
    std::int64_t step, m, n;
    Labels::PackedRows packed;  // that the rows are, if there are as many
    Deferred::Entry entry;
  };
  /// A step's direct contributions to leaf `target`.
  struct Direct {
    std::uint32_t target;
    std::int64_t step;
    void* sum;
    std::int64_t bytes;
  };

  void restart() noexcept {
    queued_.clear();
    direct_.clear();
    visiting_ = complete_ = false;
  }
  void release() noexcept {
    std::vector<Queued>().swap(queued_);
    std::vector<Direct>().swap(direct_);
    visiting_ = complete_ = false;
  }

  void begin_visit(std::int64_t step) { visiting_ = true, step_ = step; }
  void end_visit() { visiting_ = false; }
  /// A rule is under way: what it adds to parameters belongs to step().
  bool visiting() const { return visiting_; }
  std::int64_t step() const { return step_; }

  void keep(const Queued& contribution) { queued_.push_back(contribution); }
  /// The visited step's entry for a leaf, or null.
  Direct* find(std::uint32_t target) {
    // Walks run from step to step, so that what is looked for was added of late.
    for (std::size_t i = direct_.size(); i-- > 0 && direct_[i].step == step_;)
      if (direct_[i].target == target) return &direct_[i];
    return nullptr;
  }
  /// Makes room for one more, so that add() does not throw.
  void reserve_direct() {
    if (direct_.size() == direct_.capacity()) direct_.reserve(2 * direct_.size() + 8);
  }
  Direct& add(std::uint32_t target, void* sum, std::int64_t bytes) {
    return direct_.emplace_back(Direct{target, step_, sum, bytes});
  }

  void complete() { complete_ = true; }
  bool is_complete() const { return complete_; }
  const std::vector<Queued>& queued() const { return queued_; }
  const std::vector<Direct>& direct() const { return direct_; }

 private:
  std::vector<Queued> queued_;
  std::vector<Direct> direct_;
  std::int64_t step_ = 0;
  bool visiting_ = false;
  bool complete_ = false;
};

/// The parameter's leaf on a tape whose ledger is complete and up to date, or TapeCore::no_node. Throws no_gradient,
/// parameter_changed.
std::uint32_t ledger_leaf(const TapeCore& tape, const ParameterCore& parameter, const char* op);

}  // namespace unspool::detail
