#include "tape/arena.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using unspool::detail::Arena;

namespace {

std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

}  // namespace

TEST_CASE("arena values are aligned: a cache line from that size on, 16 bytes below") {
  Arena arena;
  for (const std::int64_t bytes : {0, 1, 4, 8, 15, 16, 17, 63, 64, 65, 1000, 40000, 7, 1 << 20, 3}) {
    CAPTURE(bytes);
    CHECK(address(arena.allocate(bytes)) % (bytes >= 64 ? 64 : 16) == 0);
  }
}

TEST_CASE("small arena values cost 16 bytes") {
  Arena arena;
  arena.allocate(8);
  for (int i = 1; i < 1000; ++i) arena.allocate(8);
  CHECK(arena.used_bytes() == 999 * 16 + 8);
}

TEST_CASE("arena values do not overlap, across chunks of any size") {
  Arena arena;
  std::vector<std::pair<unsigned char*, std::int64_t>> blocks;
  for (int i = 0; i < 400; ++i) {
    const std::int64_t bytes = (i * 7919) % 5000 + (i % 50 == 0 ? 100000 : 0);
    auto* p = static_cast<unsigned char*>(arena.allocate(bytes));
    std::memset(p, i & 255, static_cast<std::size_t>(bytes));
    blocks.emplace_back(p, bytes);
  }
  for (int i = 0; i < 400; ++i)
    for (std::int64_t k = 0; k < blocks[i].second; ++k) REQUIRE(blocks[i].first[k] == (i & 255));
}

TEST_CASE("a rewound arena hands out the same memory again and keeps its chunks") {
  Arena arena;
  arena.allocate(100);
  const Arena::Position mark = arena.position();
  std::vector<void*> first, second;
  for (int i = 0; i < 50; ++i) first.push_back(arena.allocate(3000));
  const std::int64_t reserved = arena.reserved_bytes(), used = arena.used_bytes();
  arena.rewind(mark);
  for (int i = 0; i < 50; ++i) second.push_back(arena.allocate(3000));
  CHECK(first == second);
  CHECK(arena.reserved_bytes() == reserved);
  CHECK(arena.used_bytes() == used);
}

TEST_CASE("after a rewind a larger value replaces a chunk that is too small, and earlier values stay") {
  Arena arena;
  auto* kept = static_cast<char*>(arena.allocate(64));
  std::memset(kept, 5, 64);
  const Arena::Position mark = arena.position();
  for (int i = 0; i < 3; ++i) arena.allocate(30 << 10);
  arena.rewind(mark);
  auto* big = static_cast<char*>(arena.allocate(1 << 20));
  std::memset(big, 9, 1 << 20);
  auto* after = static_cast<char*>(arena.allocate(100));
  std::memset(after, 7, 100);
  for (int i = 0; i < 64; ++i) REQUIRE(kept[i] == 5);
  for (int i = 0; i < (1 << 20); ++i) REQUIRE(big[i] == 9);
}

TEST_CASE("a released arena holds nothing and works again") {
  Arena arena;
  arena.allocate(1 << 16);
  arena.release();
  CHECK(arena.reserved_bytes() == 0);
  CHECK(arena.used_bytes() == 0);
  CHECK(arena.allocate(8) != nullptr);
}

TEST_CASE("an impossible size leaves the arena as it was") {
  Arena arena;
  arena.allocate(100);
  const std::int64_t used = arena.used_bytes(), reserved = arena.reserved_bytes();
  CHECK_THROWS_AS(arena.allocate(std::int64_t{1} << 59), std::bad_alloc);
  CHECK(arena.used_bytes() == used);
  CHECK(arena.reserved_bytes() == reserved);
  CHECK(arena.allocate(8) != nullptr);
}
