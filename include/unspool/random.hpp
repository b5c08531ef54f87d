// Random numbers addressed by (seed, stream, position): no state, so any draw can be made again in any order.
#pragma once

#include <array>
#include <cstdint>

#include "unspool/export.hpp"

namespace unspool {

/// A seed that reads as one where it is passed: ParameterSet params(Seed{42}).
struct Seed {
  std::uint64_t value = 0;
};

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): 128 random bits from a
/// 128-bit counter and a 64-bit key.
UNSPOOL_API std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A reader of one Philox stream: draws are numbered from 0 and depend on (seed, stream, number) alone.
class UNSPOOL_API Random {
 public:
  /// At the stream's first draw.
  explicit Random(Seed seed, std::uint64_t stream = 0) : seed_(seed.value), stream_(stream) {}

  /// 32 random bits.
  std::uint32_t bits();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal by Box and Muller (1958); uses two uniforms a draw.
  double normal();
  /// Uniform in 0..count-1. Throws bad_argument when count < 1.
  std::int64_t below(std::int64_t count);

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t block_ = 0;
  int left_ = 0;
  std::array<std::uint32_t, 4> words_{};
};

}  // namespace unspool
