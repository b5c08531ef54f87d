// PackedWeights: parameters in the form that the matrix product reads, made once a recording instead of at every step.
//
// A recurrence multiplies by the same weights T times, forward by W^T and back by W. Packing them at every product is a
// third of the instructions of an LSTM at batch 1 and a fifth of its time at batch 32.
#pragma once

#include <vector>

#include "base/aligned_buffer.hpp"

namespace unspool::detail {

class PackedWeights {
 public:
  /// The packed op(B)[k, n] of the tape's leaf number `leaf`, whose value is `value`, stored [n, k] when transposed. Null
  /// at the first use, which may be the only one. Throws std::bad_alloc.
  template <class T>
  const T* find(std::size_t leaf, bool transposed, std::int64_t k, std::int64_t n, const T* value) {
    if (leaf < leaves_.size()) {
      const Form& form = leaves_[leaf].forms[transposed];
      if (form.packed && form.recording == recording_) [[likely]]
        return reinterpret_cast<const T*>(form.memory.data());
    }
    return find_unpacked(leaf, transposed, k, n, value);
  }

  /// A new recording begins: nothing is packed, the memory stays.
  void restart() noexcept { ++recording_; }
  /// Leaves from this number on are gone.
  void forget_from(std::size_t leaf) noexcept;
  void release() noexcept { std::vector<Leaf>().swap(leaves_); }
  std::int64_t bytes() const noexcept;

 private:
  template <class T>
  const T* find_unpacked(std::size_t leaf, bool transposed, std::int64_t k, std::int64_t n, const T* value);

  struct Form {
    AlignedBuffer memory;
    std::uint64_t recording = 0;  // in which it was last used
    bool packed = false;
  };
  struct Leaf {
    Form forms[2];  // as stored, transposed
  };

  std::vector<Leaf> leaves_;
  std::uint64_t recording_ = 1;
};

}  // namespace unspool::detail
