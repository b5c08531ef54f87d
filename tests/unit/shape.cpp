#include "unspool/shape.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "support/caught.hpp"

namespace us = unspool;

TEST_CASE("a shape knows its extents, size and text") {
  const us::Shape s{32, 64, 3};
  CHECK(s.rank() == 3);
  CHECK(s.size() == 32 * 64 * 3);
  CHECK(s[0] == 32);
  CHECK(s[-1] == 3);
  CHECK(s.to_string() == "[32,64,3]");
  CHECK(us::Shape{}.rank() == 0);
  CHECK(us::Shape{}.size() == 1);
  CHECK(us::Shape{}.to_string() == "[]");
  CHECK(us::Shape{2, 0, 3}.size() == 0);
  CHECK(us::Shape{2, 0, 3}.empty());
  CHECK(us::Shape{2, 3} == us::Shape{2, 3});
  CHECK(us::Shape{2, 3} != us::Shape{3, 2});
  CHECK(us::Shape{2} != us::Shape{2, 1});
}

TEST_CASE("a shape that cannot be is rejected") {
  UNSPOOL_CHECK_ERROR((us::Shape{2, -1}), bad_shape, "shape: extents must not be negative; given [2,-1]");
  UNSPOOL_CHECK_ERROR((us::Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), bad_shape, "at most 8 axes; given 9");
  CHECK(us::Shape{1, 1, 1, 1, 1, 1, 1, 2}.rank() == 8);
  UNSPOOL_CHECK_ERROR((us::Shape{2})[1], bad_axis, "axis must be in -1..0; given 1");
  UNSPOOL_CHECK_ERROR((us::Shape{2})[-2], bad_axis, "given -2");
}

TEST_CASE("an element count that overflows is rejected, wherever the overflow is and whatever it wraps to") {
  const std::int64_t big = std::int64_t{1} << 32, most = std::numeric_limits<std::int64_t>::max();
  UNSPOOL_CHECK_ERROR((us::Shape{big, big}), bad_shape, "element count");
  UNSPOOL_CHECK_ERROR((us::Shape{big, big, big, big}), bad_shape, "element count");
  UNSPOOL_CHECK_ERROR((us::Shape{most, 2}), bad_shape, "element count");
  UNSPOOL_CHECK_ERROR((us::Shape{3, most}), bad_shape, "element count");
  UNSPOOL_CHECK_ERROR((us::Shape{most}), bad_shape, "element count");
  // Nothing is in it, so nothing overflows.
  CHECK(us::Shape{big, big, 0}.size() == 0);
  CHECK(us::Shape{0, most, most}.size() == 0);
}

TEST_CASE("shapes broadcast as in NumPy") {
  us::Shape result{9};
  CHECK(us::broadcast({3, 1}, {4}, result));
  CHECK(result == us::Shape{3, 4});
  CHECK(us::broadcast({}, {2, 2}, result));
  CHECK(result == us::Shape{2, 2});
  CHECK(us::broadcast({1}, {0}, result));
  CHECK(result == us::Shape{0});
  CHECK(us::broadcast({5, 1, 3}, {4, 1}, result));
  CHECK(result == us::Shape{5, 4, 3});
  CHECK(!us::broadcast({3}, {4}, result));
  CHECK(!us::broadcast({0}, {2}, result));
  CHECK(result == us::Shape{5, 4, 3});
}

TEST_CASE("axes count from either end") {
  CHECK(us::normalize_axis(-1, 3, "op") == 2);
  CHECK(us::normalize_axis(0, 1, "op") == 0);
  UNSPOOL_CHECK_ERROR(us::normalize_axis(3, 3, "flip"), bad_axis, "flip: axis must be in -3..2; given 3");
  UNSPOOL_CHECK_ERROR(us::normalize_axis(0, 0, "flip"), bad_axis, "flip");
}
