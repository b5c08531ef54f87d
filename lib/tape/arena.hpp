// Arena: a chunked bump allocator. Allocation moves a pointer; reset and rewind move it back; chunks are kept.
#pragma once

#include <vector>

#include "base/aligned_buffer.hpp"

namespace unspool::detail {

class Arena {
 public:
  struct Position {
    std::uint32_t chunk = 0;
    std::uint64_t offset = 0;
  };

  /// Values of a cache line or more start on one; smaller ones are packed to 16 bytes, so that a scalar recurrence of
  /// a million steps costs 16 bytes a value and not 64. Throws std::bad_alloc; the arena is then unchanged.
  void* allocate(std::int64_t bytes) {
    const std::uint64_t align = bytes >= static_cast<std::int64_t>(cache_line) ? cache_line : 16;
    const std::uint64_t start = (at_.offset + align - 1) & ~(align - 1);
    if (at_.chunk < chunks_.size() && start + bytes <= static_cast<std::uint64_t>(chunks_[at_.chunk].bytes())) {
      at_.offset = start + bytes;
      return chunks_[at_.chunk].data() + start;
    }
    return allocate_in_next(bytes);
  }

  Position position() const noexcept { return at_; }
  void rewind(Position to) noexcept { at_ = to; }
  std::int64_t used_bytes() const noexcept;
  /// What used_bytes() was when the byte before `end` was the last in use; -1 when the arena does not hold it.
  std::int64_t used_bytes_at(const void* end) const noexcept;
  std::int64_t reserved_bytes() const noexcept;
  void release() noexcept {
    std::vector<AlignedBuffer>().swap(chunks_);
    at_ = {};
  }

 private:
  void* allocate_in_next(std::int64_t bytes);

  std::vector<AlignedBuffer> chunks_;
  Position at_;
};

}  // namespace unspool::detail
