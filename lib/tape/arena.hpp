// Arena: a chunked bump allocator. Allocation moves a pointer; reset and rewind move it back; chunks are kept.
#pragma once

#include <algorithm>
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
    const std::int64_t mask = bytes >= static_cast<std::int64_t>(cache_line) ? cache_line - 1 : 15;
    const std::int64_t start = (next_ + mask) & ~mask;
    if (bytes <= end_ - start) [[likely]] {
      next_ = start + bytes;
      return chunk_ + start;
    }
    return allocate_in_next(bytes);
  }

  Position position() const noexcept { return {at_, static_cast<std::uint64_t>(next_)}; }
  void rewind(Position to) noexcept {
    at_ = to.chunk;
    next_ = static_cast<std::int64_t>(to.offset);
    chunk_ = at_ < chunks_.size() ? chunks_[at_].memory.data() : nullptr;
    end_ = at_ < chunks_.size() ? chunks_[at_].memory.bytes() : none;
  }
  /// The next value will begin on a cache line whatever its size.
  void align() noexcept { next_ = std::min((next_ + cache_line_mask) & ~cache_line_mask, std::max(end_, next_)); }
  /// rewind(), unless that would be forward: chunks there may have been given back.
  void lower(Position to) noexcept {
    if (to.chunk < at_ || (to.chunk == at_ && static_cast<std::int64_t>(to.offset) < next_)) rewind(to);
  }
  /// The rest of a chunk that the next value did not fit is not in use.
  std::int64_t used_bytes() const noexcept;
  /// What used_bytes() was when the byte before `end` was the last in use; -1 when the arena does not hold it.
  std::int64_t used_bytes_at(const void* end) const noexcept;
  std::int64_t reserved_bytes() const noexcept;
  /// The next `bytes` will lie in one chunk that is no larger than it must be; what was free behind the position is
  /// given back for it. Throws std::bad_alloc.
  void reserve(std::int64_t bytes);
  bool is_at(Position to) const noexcept { return at_ == to.chunk && next_ == static_cast<std::int64_t>(to.offset); }
  /// Calls f(begin, end) for the memory that is in use behind a position.
  template <class F>
  void for_each_range_after(Position from, F f) const {
    for (std::uint32_t i = from.chunk; i < chunks_.size() && i <= at_; ++i) {
      const std::byte* const chunk = chunks_[i].memory.data();
      const std::int64_t begin = i == from.chunk ? static_cast<std::int64_t>(from.offset) : 0;
      const std::int64_t end = i == at_ ? next_ : chunks_[i].memory.bytes();
      if (begin < end) f(chunk + begin, chunk + end);
    }
  }
  void release() noexcept {
    std::vector<Chunk>().swap(chunks_);
    rewind({});
  }

 private:
  struct Chunk {
    AlignedBuffer memory;
    std::int64_t used = 0;  // when the next one was begun
  };

  static constexpr std::int64_t cache_line_mask = cache_line - 1;
  static constexpr std::int64_t none = -1;  // the end of no chunk: not even 0 bytes fit

  void* allocate_in_next(std::int64_t bytes);

  std::byte* chunk_ = nullptr;  // the one allocated from; offsets in it
  std::int64_t next_ = 0;
  std::int64_t end_ = none;
  std::uint32_t at_ = 0;  // its place in chunks_
  std::vector<Chunk> chunks_;
};

}  // namespace unspool::detail
