// Random masks that nothing stores: an element's 32 bits are addressed by (tape seed, number of the draw, position),
// and backward draws them again.
#pragma once

#include <algorithm>

#include "base/philox_lanes.hpp"
#include "ops/op.hpp"

namespace unspool {

/// True with probability p for each position; attributes p, seed and draw are words 0, 1 and 2 of the call.
class RandomMask {
 public:
  explicit RandomMask(const detail::ArgsBase& a)
      : seed_(static_cast<std::uint64_t>(a.integer(1))),
        draw_(static_cast<std::uint64_t>(a.integer(2))),
        threshold_(static_cast<std::uint64_t>(std::llround(a.real(0) * 0x1p32))),
        p_(a.real(0)) {}

  double p() const { return p_; }
  /// What a kept element is multiplied with, so that the mean stays.
  double scale() const { return p_ < 1 ? 1 / (1 - p_) : 0; }

  /// to[i] (=|+=) from[i] * scale() for i in 0..n-1, 0 where the mask hits: a NaN there has no influence.
  template <class T>
  void drop(std::int64_t row, std::int64_t n, const T* from, T* to, bool accumulate) const {
    const kernels::MaskArgs mask{seed_, draw_, first_block(row, n), threshold_};
    kernels::kernel_table<T>().dropout(n, mask, static_cast<T>(scale()), from, to, accumulate);
  }
  /// Calls f(i, hit) for i in 0..n-1. Row `row` has positions of its own: rows of equal n and number share one mask.
  template <class F>
  void each(std::int64_t row, std::int64_t n, F f) const {
    const std::uint64_t first = first_block(row, n);
    for (std::int64_t start = 0; start < n; start += Lanes::words) {
      const Lanes bits(seed_, draw_, first + static_cast<std::uint64_t>(start / Lanes::words * Lanes::lanes));
      const std::int64_t count = std::min<std::int64_t>(Lanes::words, n - start);
      for (std::int64_t i = 0; i < count; ++i) f(start + i, bits.word[i] < threshold_);
    }
  }

 private:
  using Lanes = detail::PhiloxLanes;
  static std::uint64_t first_block(std::int64_t row, std::int64_t n) {
    return static_cast<std::uint64_t>(row * ((n + Lanes::words - 1) / Lanes::words * Lanes::lanes));
  }
  std::uint64_t seed_, draw_, threshold_;
  double p_;
};

/// Rejects a probability outside 0..1 as attribute 0.
inline void check_probability(const InferArgs& a) {
  const double p = a.real(0);
  reject_unless(a, p >= 0 && p <= 1, ErrorCode::bad_argument, "p must be in 0..1; given {}", p);
}

/// Attributes p, seed, draw of a call on x's tape. Without a mask to draw (also where infer will reject p) the
/// numbering of later draws stays as it is.
Attrs mask_attrs(const detail::Handle& x, double p);

}  // namespace unspool
