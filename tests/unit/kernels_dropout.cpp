// Dropout's kernel of every instruction set, bit by bit: the mask is philox()'s words, in the order of PhiloxLanes.
#include "kernels_support.hpp"
#include "unspool/random.hpp"

using namespace unspool::kernels;
using namespace unspool::kernels::test;

namespace {

/// The word that decides on element i: word w of block b lies at 16 w + b % 16 of a run of 16 blocks.
std::uint32_t word_of(const MaskArgs& mask, int64_t i) {
  const std::uint64_t block = mask.first_block + static_cast<std::uint64_t>(i / 64 * 16 + i % 16);
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  return unspool::philox({low(block), low(block >> 32), low(mask.stream), low(mask.stream >> 32)},
                         {low(mask.seed), low(mask.seed >> 32)})[static_cast<std::size_t>(i % 64 / 16)];
}

}  // namespace

TEST_CASE_TEMPLATE("dropout's kernels drop what Philox says, and a NaN with it", T, float, double) {
  for (Isa isa : available_isas())
    for (int64_t n : odd_sizes())
      for (std::uint64_t threshold : {0ull, 1ull << 30, 3ull << 30, (1ull << 32) - 1, 1ull << 32})
        for (bool accumulate : {false, true}) {
          const MaskArgs mask{0x123456789abcdefull, 0xfedcba987654ull, 0xfffffffaull, threshold};
          const T scale = static_cast<T>(1.7);
          std::vector<T> x = uniform<T>(n, 3), y = uniform<T>(n, 4), expected = y;
          for (int64_t i = 0; i < n; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const bool dropped = word_of(mask, i) < threshold;
            if (dropped) x[at] = std::numeric_limits<T>::quiet_NaN();
            const T kept = dropped ? T(0) : x[at] * scale;
            expected[at] = accumulate ? y[at] + kept : kept;
          }
          kernel_table_for<T>(isa).dropout(n, mask, scale, x.data(), y.data(), accumulate);
          CAPTURE(std::string(isa_name(isa)));
          CAPTURE(n);
          CAPTURE(threshold);
          REQUIRE(y == expected);
        }
}
