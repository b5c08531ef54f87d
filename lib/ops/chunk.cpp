// op:    std::vector<Var> chunk(const Var& x, std::int64_t chunks, int axis = 0)
// shape: y_i as x, with ceil(extent / chunks) elements along `axis`, the last one with what is left
// math:  y_0, y_1, ... = x cut along the axis;  dx = the dy_i one behind the other
// note:  Slices of x: views where slices are. As torch.chunk, fewer parts where the extent does not suffice.
#include "base/check.hpp"
#include "ops/op.hpp"

namespace unspool {

std::vector<Handle> detail::chunk(const Handle& x, std::int64_t chunks, int axis, Where where) {
  const Shape shape = shape_of(x);
  const std::int64_t extent = shape[normalize_axis(axis, shape.rank(), "chunk")];
  require(chunks >= 1, ErrorCode::bad_argument, "chunk", "chunks must be at least 1; given {}", chunks);
  return split(x, std::max<std::int64_t>(1, extent / chunks + (extent % chunks != 0)), axis, where);
}

}  // namespace unspool
