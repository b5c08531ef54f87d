#include "tape/gradient_pool.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using unspool::detail::GradientPool;

TEST_CASE("a buffer that came back is handed out again for its size and a little less") {
  GradientPool pool;
  void* a = pool.take(1000);
  pool.give_back(a, 1000);
  CHECK(pool.take(1000) == a);
  pool.give_back(a, 1000);
  CHECK(pool.take(900) == a);
}

TEST_CASE("living buffers of any size are aligned and do not overlap") {
  GradientPool pool;
  std::vector<std::pair<unsigned char*, std::int64_t>> blocks;
  for (std::int64_t bytes = 0; bytes < 700; ++bytes) {
    if (bytes % 3 == 2) {  // some come back in between
      pool.give_back(blocks.back().first, blocks.back().second);
      blocks.pop_back();
    }
    auto* p = static_cast<unsigned char*>(pool.take(bytes));
    CHECK(reinterpret_cast<std::uintptr_t>(p) % (bytes >= 64 ? 64 : 16) == 0);
    blocks.emplace_back(p, bytes);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i)
    std::memset(blocks[i].first, static_cast<int>(i & 255), static_cast<std::size_t>(blocks[i].second));
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (std::int64_t k = 0; k < blocks[i].second; ++k) REQUIRE(blocks[i].first[k] == (i & 255));
}

TEST_CASE("slack is at most a quarter of a buffer, and the peak counts living buffers") {
  for (std::int64_t bytes = 17; bytes < 100000; bytes += 1 + bytes / 7) {
    GradientPool pool;
    void* a = pool.take(bytes);
    CHECK(pool.peak_bytes() >= bytes);
    CHECK(pool.peak_bytes() <= bytes + bytes / 4 + 4);
    const std::int64_t one = pool.peak_bytes();
    pool.give_back(a, bytes);
    pool.take(bytes);
    CHECK(pool.peak_bytes() == one);
    pool.take(bytes);
    CHECK(pool.peak_bytes() == 2 * one);
    pool.restart_peak();
    CHECK(pool.peak_bytes() == 2 * one);
    pool.reset();
    CHECK(pool.peak_bytes() == 0);
  }
}
