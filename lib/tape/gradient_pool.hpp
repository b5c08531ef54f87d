// GradientPool: buffers for the gradients of inner nodes. A buffer comes back as soon as its node has been walked, so
// gradient memory follows the live frontier of the walk and not the length of the tape.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include "tape/arena.hpp"

namespace unspool::detail {

class GradientPool {
 public:
  /// Throws std::bad_alloc.
  void* take(std::int64_t bytes) {
    const int cls = size_class(bytes);
    live_bytes_ += class_bytes(cls);
    if (live_bytes_ > peak_bytes_) peak_bytes_ = live_bytes_;
    if (FreeNode* node = free_[cls]) {
      free_[cls] = node->next;
      return node;
    }
    return arena_.allocate(class_bytes(cls));
  }
  void give_back(void* buffer, std::int64_t bytes) noexcept {
    const int cls = size_class(bytes);
    live_bytes_ -= class_bytes(cls);
    FreeNode* node = static_cast<FreeNode*>(buffer);
    node->next = free_[cls];
    free_[cls] = node;
  }

  /// There will be memory for `bytes` more than are taken now; what must be had for them is no larger than that.
  void reserve(std::int64_t bytes) {
    const std::int64_t missing = live_bytes_ + bytes - arena_.reserved_bytes();
    if (missing > 0) arena_.reserve(missing);
  }

  /// Forgets every buffer, taken or free; the memory stays.
  void reset() noexcept {
    free_.fill(nullptr);
    arena_.rewind({});
    live_bytes_ = peak_bytes_ = 0;
  }
  void release() noexcept {
    reset();
    arena_.release();
  }
  /// What a request of so many bytes takes.
  static std::int64_t granted_bytes(std::int64_t bytes) { return class_bytes(size_class(bytes)); }
  void restart_peak() noexcept { peak_bytes_ = live_bytes_; }
  void raise_peak(std::int64_t bytes) noexcept { peak_bytes_ = std::max(peak_bytes_, bytes); }
  std::int64_t live_bytes() const noexcept { return live_bytes_; }
  std::int64_t peak_bytes() const noexcept { return peak_bytes_; }
  std::int64_t reserved_bytes() const noexcept { return arena_.reserved_bytes(); }

 private:
  struct FreeNode {
    FreeNode* next;
  };

  // Four classes an octave from 16 bytes on: at most a quarter of a buffer is slack.
  static int size_class(std::int64_t bytes) {
    const std::uint64_t n = bytes <= 16 ? 0 : static_cast<std::uint64_t>(bytes - 1) >> 2;
    if (n < 4) return 0;
    const int octave = std::bit_width(n) - 3;
    return octave * 4 + static_cast<int>((n >> octave) & 3) + 1;
  }
  static std::int64_t class_bytes(int cls) {
    if (cls == 0) return 16;
    const int octave = (cls - 1) / 4;
    return static_cast<std::int64_t>(((cls - 1) & 3) + 5) << (octave + 2);
  }

  Arena arena_;
  std::array<FreeNode*, 256> free_{};
  std::int64_t live_bytes_ = 0;
  std::int64_t peak_bytes_ = 0;
};

}  // namespace unspool::detail
