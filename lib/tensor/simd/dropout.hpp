// Dropout: most of its work is drawing the mask.
#pragma once

#include "tensor/simd/philox.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

template <bool accumulate, class T>
UNSPOOL_INLINE void keep_or_drop(int64_t n, const std::uint32_t* words, std::uint32_t threshold, T scale, const T* x,
                                 T* y) {
  for (int64_t i = 0; i < n; ++i) {
    const T kept = words[i] < threshold ? T(0) : x[i] * scale;
    y[i] = accumulate ? y[i] + kept : kept;
  }
}

template <class A, class T>
void dropout(int64_t n, const MaskArgs& mask, T scale, const T* x, T* y, bool accumulate) {
  using Lanes = unspool::detail::PhiloxLanes;
  if (mask.threshold >> 32 != 0) {  // everything is dropped
    for (int64_t i = 0; i < n && !accumulate; ++i) y[i] = T(0);
    return;
  }
  const std::uint32_t threshold = static_cast<std::uint32_t>(mask.threshold);
  std::uint64_t block = mask.first_block;
  for (; n > 0; n -= Lanes::words, x += Lanes::words, y += Lanes::words, block += Lanes::lanes) {
    std::uint32_t bits[Lanes::words];
    philox_words(mask.seed, mask.stream, block, bits);
    const auto run = [&](int64_t count) __attribute__((always_inline)) {
      if (accumulate)
        keep_or_drop<true>(count, bits, threshold, scale, x, y);
      else
        keep_or_drop<false>(count, bits, threshold, scale, x, y);
    };
    // Two copies, so that the one for whole chunks has a number of rounds that is known.
    if (n >= Lanes::words)
      run(Lanes::words);
    else
      run(n);
  }
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
