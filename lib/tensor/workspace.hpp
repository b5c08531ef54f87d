#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace unspool::kernels {

/// Scratch for packing: one 64-byte aligned block that only grows, so that a repeated step allocates nothing.
/// Owned by the tape and, like it, used by one thread at a time. Contents do not survive the next reserve().
class Workspace {
 public:
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { release(); }

  /// At least `count` elements; throws std::bad_alloc, leaving the workspace usable and empty.
  template <class T>
  T* reserve(std::int64_t count) {
    const std::size_t wanted = static_cast<std::size_t>(count) * sizeof(T);
    if (wanted > bytes_) {
      release();
      // A step of 64 KiB keeps shapes that grow slowly from reallocating at every call.
      const std::size_t rounded = (wanted + 65535) & ~std::size_t{65535};
      data_ = ::operator new (rounded, std::align_val_t{64});
      bytes_ = rounded;
    }
    return static_cast<T*>(data_);
  }

  std::size_t bytes() const { return bytes_; }

  void release() {
    if (data_) ::operator delete (data_, std::align_val_t{64});
    data_ = nullptr;
    bytes_ = 0;
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace unspool::kernels
