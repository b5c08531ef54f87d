// op:    Var reshape(const Var& x, Ids shape)
// shape: y as given; one extent may be -1, which stands for what is left. The element count stays.
// math:  y = x, its values in the same row-major order;  dx = dy
// note:  Always a view: nothing is copied, forward or backward.
#include <algorithm>

#include "ops/op.hpp"

namespace unspool {
namespace {

struct Reshape {
  static Shape infer(const InferArgs& a) {
    const std::span<const std::int64_t> given = a.list(0);
    const std::int64_t size = a.shape(0).size();
    reject_unless(a, given.size() <= Shape::max_rank, ErrorCode::bad_shape, "at most {} axes; given {}",
                  Shape::max_rank, given.size());
    std::int64_t extents[Shape::max_rank];
    std::int64_t known = 1;  // product of the extents but -1; more than `size` once it cannot fit
    int open = -1;
    const bool empty = std::count(given.begin(), given.end(), 0) > 0;
    for (int k = 0; k < static_cast<int>(given.size()); ++k) {
      extents[k] = given[k];
      reject_unless(a, given[k] >= 0 || (given[k] == -1 && open < 0), ErrorCode::bad_shape,
                    "extents must not be negative, but for one -1; given {}", given);
      if (given[k] == -1)
        open = k;
      else
        known = empty ? 0 : given[k] > size / known ? size + 1 : known * given[k];
    }
    if (open >= 0) {
      reject_unless(a, known > 0 && size % known == 0, ErrorCode::shape_mismatch,
                    "the other extents must divide the element count {}, and not be 0, to tell what -1 is; given {}",
                    size, given);
      extents[open] = size / known;
      known = size;
    }
    reject_unless(a, known == size, ErrorCode::shape_mismatch, "the element count {} must stay; given {}", size, given);
    return Shape(std::span<const std::int64_t>(extents, given.size()));
  }
  static std::int64_t view(const InferArgs&) { return 0; }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }
};

}  // namespace

constinit const OpRule reshape_rule = make_rule<Reshape>(
    {.name = "reshape",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "shape:list",
     .samples =
         "[3,4] shape=[2,6]; [3,4] shape=[-1]; [2,3,4] shape=[4,-1,1]; [1] shape=[]; [] shape=[1,1]; [0,3] shape=[3,0];"
         "[0,3] shape=[-1,2]"});

Handle detail::reshape(const Handle& x, Ids shape, Where where) {
  Attrs attrs;
  return record(reshape_rule, {x}, attrs.with(shape), where);
}

}  // namespace unspool
