// Blocks of values at regular distances: what concat, stack, slice, select and index_select are made of.
#pragma once

#include <cstring>

#include "tensor/kernels.hpp"

namespace unspool {

namespace detail {

// Below this width a call costs more than the loop it saves.
inline constexpr std::int64_t call_width = 8;

}  // namespace detail

/// to[b * to_step + i] = from[b * from_step + i] for b in 0..count-1, i in 0..width-1.
template <class T>
void copy_blocks(std::int64_t count, std::int64_t width, const T* from, std::int64_t from_step, T* to,
                 std::int64_t to_step) {
  if (from_step == width && to_step == width) {
    width *= count;
    count = 1;
  }
  if (width == 0) return;
  for (std::int64_t b = 0; b < count; ++b, from += from_step, to += to_step) {
    if (width >= detail::call_width)
      std::memcpy(to, from, static_cast<std::size_t>(width) * sizeof(T));
    else
      for (std::int64_t i = 0; i < width; ++i) to[i] = from[i];
  }
}

/// The same with += in place of =.
template <class T>
void add_blocks(std::int64_t count, std::int64_t width, const T* from, std::int64_t from_step, T* to,
                std::int64_t to_step) {
  if (from_step == width && to_step == width) {
    width *= count;
    count = 1;
  }
  for (std::int64_t b = 0; b < count; ++b, from += from_step, to += to_step) {
    if (width >= detail::call_width)
      kernels::kernel_table<T>().copy_grad(width, from, to, true);
    else
      for (std::int64_t i = 0; i < width; ++i) to[i] += from[i];
  }
}

/// The same into an operand's gradient, whose blocks lie together: = where nothing was added yet, nothing where it is
/// not wanted. `dx` is the operand's sink.
template <class T, class Sink>
void add_blocks_to(const Sink& dx, std::int64_t count, std::int64_t width, const T* from, std::int64_t from_step) {
  bool first;
  if (T* to = dx.touch(first)) (first ? copy_blocks<T> : add_blocks<T>)(count, width, from, from_step, to, width);
}

}  // namespace unspool
