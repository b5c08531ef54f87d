// op:    std::vector<Var> split(const Var& x, std::int64_t split_size, int axis = 0)
// shape: y_i as x, with split_size elements along `axis`, the last one with what is left
// math:  y_0, y_1, ... = x cut along the axis;  dx = the dy_i one behind the other
// note:  Slices of x: views where slices are. chunk() takes the number of parts instead of their size.
#include "base/check.hpp"
#include "ops/op.hpp"

namespace unspool {

std::vector<Handle> detail::split(const Handle& x, std::int64_t split_size, int axis, Where where) {
  const Shape shape = shape_of(x);
  const int counted = normalize_axis(axis, shape.rank(), "split");
  const std::int64_t extent = shape[counted];
  require(split_size >= 1, ErrorCode::bad_argument, "split", "split_size must be at least 1; given {}", split_size);
  std::vector<Handle> parts;
  for (std::int64_t begin = 0; begin < extent; begin += split_size)
    parts.push_back(slice(x, counted, begin, std::min(begin + split_size, extent), where));
  return parts;
}

}  // namespace unspool
