// Many Philox blocks at once, arranged so that the compiler makes vectors of them. The same numbers as philox().
#pragma once

#include <cstdint>

namespace unspool::detail {

/// The words of blocks first, first + 1, ... of one stream: word w of block first + i is at word[w * lanes + i].
struct PhiloxLanes {
  static constexpr int lanes = 16;
  static constexpr int words = 4 * lanes;
  std::uint32_t word[words];

  PhiloxLanes(std::uint64_t seed, std::uint64_t stream, std::uint64_t first) {
    std::uint32_t *w0 = word, *w1 = word + lanes, *w2 = word + 2 * lanes, *w3 = word + 3 * lanes;
    for (int i = 0; i < lanes; ++i) {
      const std::uint64_t block = first + static_cast<std::uint64_t>(i);
      w0[i] = static_cast<std::uint32_t>(block);
      w1[i] = static_cast<std::uint32_t>(block >> 32);
      w2[i] = static_cast<std::uint32_t>(stream);
      w3[i] = static_cast<std::uint32_t>(stream >> 32);
    }
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < lanes; ++i) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * w0[i];
        const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * w2[i];
        w0[i] = static_cast<std::uint32_t>(p1 >> 32) ^ w1[i] ^ k0;
        w1[i] = static_cast<std::uint32_t>(p1);
        w2[i] = static_cast<std::uint32_t>(p0 >> 32) ^ w3[i] ^ k1;
        w3[i] = static_cast<std::uint32_t>(p0);
      }
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  }
};

}  // namespace unspool::detail
