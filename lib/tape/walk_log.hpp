// WalkLog: which visit of the reverse walk took and gave back each gradient buffer. Kept for graphs, on tapes with
// keep_gradient_norms; ids are of nodes.
//
// A flush of queued products comes after a visit. It is noted at the node that is visited next, before anything is
// taken there; the last one at node 0.
#pragma once

#include <algorithm>
#include <vector>

#include "tape/gradient_pool.hpp"

namespace unspool::detail {

struct GradientLife {
  static constexpr std::uint32_t never = ~std::uint32_t{0};
  std::uint32_t born = never;   ///< the visit in which the node's gradient buffer was taken
  std::uint32_t freed = never;  ///< and given back
  std::uint32_t held_freed = never;
  std::int64_t bytes = 0;          ///< of the gradient buffer, as the pool counts them
  std::int64_t scratch_bytes = 0;  ///< taken and given back during the node's own visit
  std::int64_t held_bytes = 0;     ///< taken during its visit for a queued product, given back in visit `held_freed`
  std::int64_t flush_bytes = 0;    ///< taken and given back by a flush noted here
};

class WalkLog {
 public:
  void begin(std::size_t nodes) {
    lives_.resize(nodes);
    walking_ = true;
    flushing_ = false;
  }
  void end() { walking_ = false; }
  void visit(std::uint32_t node) { at_ = node, flushing_ = false; }
  void flush() { at_ = at_ == 0 || flushing_ ? at_ : at_ - 1, flushing_ = true, flushed_ = 0; }

  void take(std::uint32_t node, std::int64_t bytes) {
    if (!walking_) [[likely]]
      return;
    lives_[node].born = at_;
    lives_[node].freed = GradientLife::never;
    lives_[node].bytes = GradientPool::granted_bytes(bytes);
  }
  void give_back(std::uint32_t node) {
    if (walking_) [[unlikely]]
      lives_[node].freed = at_;
  }
  void take_scratch(std::int64_t bytes) {
    if (!walking_) [[likely]]
      return;
    if (!flushing_) {
      lives_[at_].scratch_bytes += GradientPool::granted_bytes(bytes);
      return;
    }
    // Two flushes may be noted at one node: not at once.
    flushed_ += GradientPool::granted_bytes(bytes);
    lives_[at_].flush_bytes = std::max(lives_[at_].flush_bytes, flushed_);
  }
  /// What was scratch outlives the visit.
  void hold_scratch(std::int64_t bytes) {
    if (!walking_) [[likely]]
      return;
    lives_[at_].scratch_bytes -= GradientPool::granted_bytes(bytes);
    lives_[at_].held_bytes += GradientPool::granted_bytes(bytes);
    if (holders_.empty() || holders_.back() != at_) holders_.push_back(at_);
  }
  void give_back_held() {
    for (const std::uint32_t node : holders_)
      if (walking_) lives_[node].held_freed = at_;
    holders_.clear();
  }

  const std::vector<GradientLife>& lives() const { return lives_; }
  void rewind(std::size_t nodes) {
    if (lives_.size() > nodes) lives_.resize(nodes);
  }
  void release() noexcept {
    std::vector<GradientLife>().swap(lives_);
    std::vector<std::uint32_t>().swap(holders_);
    walking_ = false;
  }

 private:
  std::vector<GradientLife> lives_;
  std::vector<std::uint32_t> holders_;
  std::uint32_t at_ = 0;
  std::int64_t flushed_ = 0;  // by the flush under way
  bool walking_ = false;
  bool flushing_ = false;
};

}  // namespace unspool::detail
