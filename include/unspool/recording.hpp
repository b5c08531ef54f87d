// What layers ask of a recording beyond values: the attributes of an op, and scratch that the tape owns, so that a warm
// training step needs nothing from the heap.
#pragma once

#include <new>
#include <type_traits>

#include "unspool/tape.hpp"

namespace unspool::detail {

/// The words an op with a list was recorded with, valid until the tape is reset or rewound past it. Throws
/// stale_handle.
UNSPOOL_API std::span<const std::int64_t> attributes_of(const Handle& x);
/// x's tape. Throws stale_handle, naming `op`, for a Var that was never recorded.
UNSPOOL_API TapeCore& tape_of(const Handle& x, const char* op);
/// Throws shape_mismatch, saying what x is, unless it is [rows,...].
UNSPOOL_API void check_rows(const Handle& x, std::int64_t rows, const char* what);
/// Throws shape_mismatch unless a part of an initial state is [rows,width].
UNSPOOL_API void check_state(const Handle& x, std::int64_t rows, std::int64_t width);
/// Throws shape_mismatch unless a state has as many Vars as the one before it.
UNSPOOL_API void check_parts(std::int64_t parts, std::int64_t wanted);

/// Ops recorded while the guard lives work on packed rows [first, first + count): the ledger gives each row of a
/// parameter's product to its step. `layout` is the op that packed the rows. Throws out_of_memory.
[[nodiscard]] UNSPOOL_API LabelGuard enter_packed(const Handle& layout, std::int64_t first, std::int64_t count);
/// enter_step() and enter_packed() at once, for the rows of one step.
[[nodiscard]] UNSPOOL_API LabelGuard enter_packed_step(const Handle& layout, std::int64_t step, std::int64_t first,
                                                       std::int64_t count);
/// There is no memory for the label of a step.
[[noreturn]] UNSPOOL_API void fail_label(std::int64_t step);

/// Memory of the tape's pool that goes back to it at the end of the scope. Throws out_of_memory.
class UNSPOOL_API ScratchBytes {
 public:
  ScratchBytes(TapeCore& tape, std::int64_t count, std::int64_t bytes_each);
  ScratchBytes(const ScratchBytes&) = delete;
  ScratchBytes& operator=(const ScratchBytes&) = delete;
  ~ScratchBytes();
  void* data() const noexcept { return data_; }

 private:
  TapeCore* tape_;
  std::int64_t bytes_;
  std::uint32_t recording_;
  void* data_;
};

/// `count` value-initialised elements of scratch.
template <class V>
class Scratch : private ScratchBytes {
  static_assert(std::is_trivially_destructible_v<V>);

 public:
  Scratch(TapeCore& tape, std::int64_t count)
      : ScratchBytes(tape, count, static_cast<std::int64_t>(sizeof(V))), count_(static_cast<std::size_t>(count)) {
    for (V& element : *this) ::new (static_cast<void*>(&element)) V();
  }
  V* begin() const noexcept { return static_cast<V*>(data()); }
  V* end() const noexcept { return begin() + count_; }
  std::size_t size() const noexcept { return count_; }
  V& operator[](std::int64_t i) const noexcept { return begin()[i]; }

 private:
  std::size_t count_;
};

}  // namespace unspool::detail
