#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace unspool::kernels {

/// Scratch for packing: 64-byte aligned blocks that only grow, so that a repeated step allocates nothing.
/// Owned by the tape and, like it, used by one thread at a time. Contents do not survive the next reserve().
class Workspace {
 public:
  /// At least `count` elements; throws std::bad_alloc, leaving the workspace usable and empty.
  template <class T>
  T* reserve(std::int64_t count) {
    return static_cast<T*>(inner_.reserve(static_cast<std::size_t>(count) * sizeof(T)));
  }
  /// A second block, for what is made of kernels that use the first.
  template <class T>
  T* reserve_outer(std::int64_t count) {
    return static_cast<T*>(outer_.reserve(static_cast<std::size_t>(count) * sizeof(T)));
  }

  std::size_t bytes() const { return inner_.bytes() + outer_.bytes(); }

  void release() {
    inner_.release();
    outer_.release();
  }

 private:
  class Block {
   public:
    Block() = default;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { release(); }

    void* reserve(std::size_t wanted) {
      if (wanted > bytes_) {
        release();
        // A step of 64 KiB keeps shapes that grow slowly from reallocating at every call.
        const std::size_t rounded = (wanted + 65535) & ~std::size_t{65535};
        data_ = ::operator new (rounded, std::align_val_t{64});
        bytes_ = rounded;
      }
      return data_;
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

  Block inner_, outer_;
};

}  // namespace unspool::kernels
