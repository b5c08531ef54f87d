#include "unspool/random.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "support/caught.hpp"

namespace us = unspool;
using Words = std::array<std::uint32_t, 4>;

TEST_CASE("philox gives the known answers of its authors") {
  CHECK(us::philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(us::philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(us::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream begins with the words of its first blocks in order") {
  us::Random random(us::Seed{0x299f31d0a4093822}, 0x0370734413198a2e);
  for (std::uint32_t block = 0; block < 3; ++block)
    for (const std::uint32_t word : us::philox({block, 0, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}))
      CHECK(random.bits() == word);
}

TEST_CASE("seeds and streams are apart, equal ones are equal") {
  us::Random a(us::Seed{1}, 2), b(us::Seed{1}, 2), c(us::Seed{1}, 3), d(us::Seed{2}, 2);
  for (int i = 0; i < 9; ++i) {
    const std::uint32_t word = a.bits();
    CHECK(word == b.bits());
    CHECK(word != c.bits());
    CHECK(word != d.bits());
  }
}

TEST_CASE("uniform numbers lie in their range and have its moments") {
  us::Random random(us::Seed{5});
  const int n = 200000;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    sum += u;
    squares += u * u;
  }
  // Five standard errors.
  CHECK(std::abs(sum / n - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(squares / n - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / n));
  for (int i = 0; i < 100; ++i) {
    const double u = random.uniform(-3, -1);
    CHECK(u >= -3);
    CHECK(u < -1);
  }
}

TEST_CASE("normal numbers are finite and have a normal's moments") {
  us::Random random(us::Seed{6});
  const int n = 200000;
  double sum = 0, squares = 0, fourths = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    REQUIRE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
  }
  CHECK(std::abs(sum / n) < 5 / std::sqrt(n));
  CHECK(std::abs(squares / n - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::abs(fourths / n - 3) < 5 * std::sqrt(96.0 / n));
}

TEST_CASE("below() covers its range evenly and rejects an empty one") {
  us::Random random(us::Seed{7});
  std::vector<int> counts(6, 0);
  for (int i = 0; i < 60000; ++i) ++counts[static_cast<std::size_t>(random.below(6))];
  for (const int count : counts) CHECK(std::abs(count - 10000) < 5 * std::sqrt(60000 * 5.0 / 36));
  CHECK(random.below(1) == 0);
  UNSPOOL_CHECK_ERROR(random.below(0), bad_argument, "random: the range must not be empty; given 0");
}
