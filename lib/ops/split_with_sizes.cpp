// op:    std::vector<Var> split_with_sizes(const Var& x, Ids sizes, int axis = 0)
// shape: y_i as x, with sizes[i] elements along `axis`; the sizes add up to its extent
// math:  y_0, y_1, ... = x cut along the axis;  dx = the dy_i one behind the other
// note:  Slices of x: views where slices are.
#include "base/check.hpp"
#include "ops/op.hpp"

namespace unspool {

std::vector<Handle> detail::split_with_sizes(const Handle& x, Ids sizes, int axis, Where where) {
  const Shape shape = shape_of(x);
  const int counted = normalize_axis(axis, shape.rank(), "split_with_sizes");
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < sizes.size(); ++i) {
    require(sizes[i] >= 0 && sizes[i] <= shape[counted] - total, ErrorCode::bad_argument, "split_with_sizes",
            "sizes must be at least 0 and add up to the extent {} of axis {}; number {} is {}, after {}",
            shape[counted], counted, i, sizes[i], total);
    total += sizes[i];
  }
  require(total == shape[counted], ErrorCode::bad_argument, "split_with_sizes",
          "sizes must add up to the extent {} of axis {}; the sum is {}", shape[counted], counted, total);
  std::vector<Handle> parts;
  parts.reserve(static_cast<std::size_t>(sizes.size()));
  std::int64_t begin = 0;
  for (std::int64_t i = 0; i < sizes.size(); begin += sizes[i++])
    parts.push_back(slice(x, counted, begin, begin + sizes[i], where));
  return parts;
}

}  // namespace unspool
