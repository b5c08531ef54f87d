// Dropout stores no mask: that forward and backward draw the same one, and calls different ones, is what these pin.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "base/philox_lanes.hpp"
#include "support/caught.hpp"
#include "support/elementwise.hpp"
#include "unspool/random.hpp"

namespace us = unspool;
using namespace unspool::test;

namespace {

constexpr std::int64_t size = 10'000;

std::vector<double> mask(us::Tape<double>& tape, double p) { return listed(dropout(tape.ones({size}), p).values()); }

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - 1) * (b[i] - 1);
    aa += (a[i] - 1) * (a[i] - 1);
    bb += (b[i] - 1) * (b[i] - 1);
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

TEST_CASE("dropout drops in backward exactly what it dropped in forward, whatever was recorded in between") {
  us::Tape<double> tape({.seed = 5});
  const us::Var x = tape.variable({size}, std::vector<double>(size, 1.0));
  const us::Var y = dropout(x, 0.3);
  const std::vector<double> kept = listed(y.values());
  const us::Var z = dropout(dropout(y, 0.5), 0.1) * 0.0 + y;
  tape.seed(99);
  tape.backward(z, std::vector<double>(size, 1.0));
  CHECK(listed(x.grad()) == kept);
}

TEST_CASE("dropout adds to a gradient that is already there") {
  us::Tape<double> tape({.seed = 5});
  const us::Var x = tape.variable({size}, std::vector<double>(size, 1.0));
  const us::Var y = dropout(x, 0.3), z = dropout(x, 0.3);
  tape.backward(y + z + x, std::vector<double>(size, 1.0));
  for (std::int64_t i = 0; i < size; ++i) REQUIRE(x.grad()[i] == doctest::Approx(1 + y.values()[i] + z.values()[i]));
}

TEST_CASE("dropout keeps the share 1 - p and scales it so that the expected sum is unchanged") {
  for (const double p : {0.1, 0.5, 0.9}) {
    us::Tape<double> tape({.seed = 11});
    std::int64_t kept = 0;
    for (const double m : mask(tape, p)) {
      REQUIRE((m == 0 || m == doctest::Approx(1 / (1 - p))));
      kept += m != 0;
    }
    const double deviation = std::sqrt(p * (1 - p) * size);
    CHECK(std::abs(static_cast<double>(kept) - (1 - p) * size) < 4 * deviation);
  }
}

TEST_CASE("neighbours in a dropout mask are independent") {
  us::Tape<double> tape({.seed = 3});
  const std::vector<double> m = mask(tape, 0.5);
  for (const std::size_t lag : {1, 2, 3, 4, 16, 64}) {
    INFO("lag ", lag);
    const std::vector<double> early(m.begin(), m.end() - static_cast<std::ptrdiff_t>(lag));
    const std::vector<double> late(m.begin() + static_cast<std::ptrdiff_t>(lag), m.end());
    CHECK(std::abs(correlation(early, late)) < 0.04);  // 4 deviations
  }
}

TEST_CASE("every call of dropout and every seed draws another mask, and the same seed the same ones") {
  us::Tape<double> tape({.seed = 1}), same({.seed = 1}), other({.seed = 2});
  const std::vector<double> first = mask(tape, 0.5), second = mask(tape, 0.5);
  CHECK(std::abs(correlation(first, second)) < 0.04);
  CHECK(std::abs(correlation(first, mask(other, 0.5))) < 0.04);
  CHECK(first == mask(same, 0.5));
  CHECK(second == mask(same, 0.5));
  tape.seed(1);
  CHECK(first == mask(tape, 0.5));
}

TEST_CASE("dropout with p = 0 is the identity, with p = 1 zero, and neither moves the masks that follow") {
  us::Tape<float> tape({.seed = 1}), plain({.seed = 1});
  const std::vector<float> x{1, -2, 3}, ones(3, 1.0f);
  const us::Var v = tape.variable({3}, x), w = tape.variable({3}, x);
  const us::Var same = dropout(v, 0), none = dropout(w, 1);
  CHECK(listed(same.values()) == x);
  CHECK(listed(none.values()) == std::vector<float>(3, 0.0f));
  tape.backward(same + none, ones);
  CHECK(listed(v.grad()) == ones);
  CHECK(listed(w.grad()) == std::vector<float>(3, 0.0f));
  CHECK(listed(dropout(tape.ones({100}), 0.5).values()) == listed(dropout(plain.ones({100}), 0.5).values()));
}

TEST_CASE("dropout rejects a p that is no probability and the next mask is as if it had not been called") {
  us::Tape<double> tape({.seed = 4}), plain({.seed = 4});
  const us::Var x = tape.ones({2});
  for (const double p : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(error_from([&] { dropout(x, p); }).code() == us::ErrorCode::bad_argument);
  }
  CHECK(tape.stats().nodes == 1);
  CHECK(mask(tape, 0.5) == mask(plain, 0.5));
}

TEST_CASE("a NaN that dropout drops is gone") {
  us::Tape<double> tape({.seed = 5});
  const us::Var y = dropout(tape.full({64}, std::numeric_limits<double>::quiet_NaN()), 0.5);
  int zeros = 0;
  for (const double v : y.values()) zeros += v == 0;
  CHECK(zeros > 10);
  CHECK(zeros < 54);
}

TEST_CASE("many Philox blocks at once are the blocks one by one") {
  const std::uint64_t seed = 0x0123456789abcdef, stream = 0xfedcba9876543210,
                      first = 0xfffffff8;  // the counter carries
  const us::detail::PhiloxLanes lanes(seed, stream, first);
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  for (int i = 0; i < us::detail::PhiloxLanes::lanes; ++i) {
    const std::uint64_t block = first + static_cast<std::uint64_t>(i);
    const auto expected = us::philox({low(block), high(block), low(stream), high(stream)}, {low(seed), high(seed)});
    for (int w = 0; w < 4; ++w)
      CHECK(lanes.word[w * us::detail::PhiloxLanes::lanes + i] == expected[static_cast<std::size_t>(w)]);
  }
}

TEST_CASE("what is recorded again after a rewind draws the same masks, also with another seed in between") {
  us::Tape<double> tape({.seed = 5});
  const us::Var x = tape.variable({200}, std::vector<double>(200, 1.0));
  (void)dropout(x, 0.5);
  const us::Mark mark = tape.mark();
  const auto masks = [&] {
    const us::Var a = dropout(x, 0.5), b = dropout(a, 0.3);
    return std::vector<double>(b.values().begin(), b.values().end());
  };
  const std::vector<double> first = masks();
  CHECK(masks() != first);
  tape.seed(6);
  tape.rewind(mark);
  CHECK(masks() == first);
}

TEST_CASE("a dropout that cannot be recorded takes no mask from those that follow") {
  us::Tape<double> tape({.seed = 5});
  const us::Var x = tape.variable({100}, std::vector<double>(100, 1.0));
  const us::Mark mark = tape.mark();
  const us::Var gone = x * 2.0;
  const us::Var wanted = dropout(x, 0.5);
  const std::vector<double> mask(wanted.values().begin(), wanted.values().end());
  tape.rewind(mark);
  CHECK_THROWS_AS(dropout(gone, 0.5), us::Error);
  const us::Var again = dropout(x, 0.5);
  CHECK(std::vector<double>(again.values().begin(), again.values().end()) == mask);
}
