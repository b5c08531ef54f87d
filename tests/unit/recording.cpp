// What layers ask of a recording: scratch in the tape's memory, the attributes of an op.
#include "unspool/recording.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/caught.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::detail::Scratch;

TEST_CASE("scratch begins as zeros, is apart from other scratch, and goes back at the end of its scope") {
  us::Tape<double> tape;
  std::int64_t reserved = 0;
  for (int round = 0; round < 20; ++round) {
    Scratch<std::int64_t> a(*tape.core(), 1000), b(*tape.core(), 1000);
    CHECK(std::ranges::count(a, 0) == 1000);
    std::ranges::fill(a, 7);
    CHECK(std::ranges::count(b, 0) == 1000);
    std::ranges::fill(b, 8);
    CHECK(std::ranges::count(a, 7) == 1000);
    CHECK(a.size() == 1000);
    if (round == 0) reserved = tape.stats().reserved_bytes;
  }
  CHECK(tape.stats().reserved_bytes == reserved);
  CHECK(Scratch<us::Var<double>>(*tape.core(), 0).size() == 0);
}

TEST_CASE("scratch that outlives a reset leaves the new recording's memory alone") {
  us::Tape<double> tape;
  us::Var<double> x;
  {
    const Scratch<double> before(*tape.core(), 64);
    tape.reset();
    x = tape.variable(us::Tensor<double>(us::Shape{64}, std::vector<double>(64, 3.0)));
  }
  tape.backward(sum(square(x)));
  CHECK(std::ranges::count(x.grad(), 6.0) == 64);
}

TEST_CASE("scratch that cannot be had is a typed error") {
  us::Tape<double> tape;
  UNSPOOL_CHECK_ERROR(Scratch<std::int64_t>(*tape.core(), std::int64_t{1} << 61), out_of_memory,
                      "scratch: 2305843009213693952 elements of 8 bytes could not be had");
  UNSPOOL_CHECK_ERROR(Scratch<char>(*tape.core(), std::int64_t{1} << 60), out_of_memory, "could not be had");
}

TEST_CASE("an op's attributes can be read while its recording lasts") {
  us::Tape<double> tape;
  const us::Var<double> y = us::slice(tape.ones({4, 2}), 0, 1, 3);
  const auto words = us::detail::attributes_of(y);
  CHECK(std::vector<std::int64_t>(words.begin(), words.end()) == std::vector<std::int64_t>{0, 1, 3});
  CHECK(us::detail::attributes_of(tape.ones({1})).empty());
  tape.reset();
  UNSPOOL_CHECK_ERROR(us::detail::attributes_of(y), stale_handle, "earlier recording");
  UNSPOOL_CHECK_ERROR(us::detail::attributes_of(us::Var<double>()), stale_handle, "never recorded");
}
