// AlignedBuffer: owned bytes on a cache-line boundary, for parameters and arena chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace unspool::detail {

inline constexpr std::size_t cache_line = 64;

inline constexpr std::int64_t round_up(std::int64_t bytes, std::int64_t to) { return (bytes + to - 1) / to * to; }

class AlignedBuffer {
 public:
  AlignedBuffer() noexcept = default;
  /// Unspecified contents. Throws std::bad_alloc.
  explicit AlignedBuffer(std::int64_t bytes)
      : data_(static_cast<std::byte*>(
            ::operator new (static_cast<std::size_t>(checked(bytes)), std::align_val_t{cache_line}))),
        bytes_(bytes) {}
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~AlignedBuffer() { ::operator delete (data_, std::align_val_t{cache_line}); }

  std::byte* data() const noexcept { return data_; }
  std::int64_t bytes() const noexcept { return bytes_; }

 private:
  // A tebibyte is asked for by mistake; some allocators, a sanitizer's among them, end the process instead of throwing.
  static std::int64_t checked(std::int64_t bytes) {
    if (bytes >= std::int64_t{1} << 40) throw std::bad_alloc();
    return bytes;
  }

  std::byte* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace unspool::detail
