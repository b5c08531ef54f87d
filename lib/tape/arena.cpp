#include "tape/arena.hpp"

#include <algorithm>

namespace unspool::detail {
namespace {

constexpr std::int64_t first_chunk_bytes = 32 << 10;
constexpr std::int64_t largest_growth_bytes = 16 << 20;  // beyond this a chunk grows only for a value that needs it

}  // namespace

// An eighth of what there is: at most so much of the memory is not used yet.
[[gnu::cold]] void* Arena::allocate_in_next(std::int64_t bytes) {
  const std::uint32_t next = chunks_.empty() ? 0 : at_ + 1;
  // After a rewind the following chunks are free; one that is too small is replaced, since nothing lives in it.
  if (next >= chunks_.size() || chunks_[next].memory.bytes() < bytes) {
    const std::int64_t growth = std::clamp(reserved_bytes() / 8, first_chunk_bytes, largest_growth_bytes);
    AlignedBuffer chunk(std::max(round_up(bytes, cache_line), growth));
    if (next < chunks_.size())
      chunks_[next].memory = std::move(chunk);
    else
      chunks_.push_back({std::move(chunk)});
  }
  if (next > 0) chunks_[at_].used = next_;
  rewind({next, static_cast<std::uint64_t>(bytes)});
  return chunk_;
}

void Arena::reserve(std::int64_t bytes) {
  if (bytes <= end_ - next_) return;
  const bool none_in_use = at_ == 0 && next_ == 0;
  const std::size_t next = none_in_use ? 0 : at_ + 1;
  if (next < chunks_.size() && chunks_[next].memory.bytes() >= bytes) return;
  chunks_.resize(std::min(chunks_.size(), next));
  chunks_.reserve(next + 1);
  rewind(position());
  chunks_.push_back({AlignedBuffer(round_up(bytes, cache_line))});
  rewind(position());
}

std::int64_t Arena::used_bytes() const noexcept {
  if (chunks_.empty()) return 0;
  std::int64_t total = next_;
  for (std::uint32_t i = 0; i < at_; ++i) total += chunks_[i].used;
  return total;
}

std::int64_t Arena::used_bytes_at(const void* end) const noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(end);
  std::int64_t before = 0;
  for (std::uint32_t i = 0; i < chunks_.size() && i <= at_; ++i) {
    const auto start = reinterpret_cast<std::uintptr_t>(chunks_[i].memory.data());
    if (address >= start && address - start <= static_cast<std::uintptr_t>(chunks_[i].memory.bytes()))
      return before + static_cast<std::int64_t>(address - start);
    before += chunks_[i].used;
  }
  return -1;
}

std::int64_t Arena::reserved_bytes() const noexcept {
  std::int64_t total = 0;
  for (const Chunk& chunk : chunks_) total += chunk.memory.bytes();
  return total;
}

}  // namespace unspool::detail
