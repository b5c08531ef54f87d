// op:    Var broadcast_to(const Var& x, const Shape& shape)
// shape: y as `shape`, to which x must broadcast: its axes are aligned at the end, each equal or 1
// math:  y = x, repeated;  dx = dy summed over the axes x was repeated along
#include <algorithm>

#include "ops/op.hpp"

namespace unspool {
namespace {

struct BroadcastTo {
  static Shape infer(const InferArgs& a) {
    const Shape shape(a.list(0));
    Shape together;
    reject_unless(a, broadcast(a.shape(0), shape, together) && together == shape, ErrorCode::shape_mismatch,
                  "operand must broadcast to {}", shape);
    return shape;
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> x = a.x(0);
    const View<T> y = a.y();
    const std::span<const std::int64_t> dims[2] = {x.dims(), y.dims()};
    detail::for_each_run(detail::BroadcastPlan<2>(y.dims(), dims),
                         [&](const std::int64_t* at, std::int64_t n, const std::int64_t* step) {
                           if (step[0] == 0)
                             std::fill_n(y.data + at[1], n, x[at[0]]);
                           else
                             std::copy_n(x.data + at[0], n, y.data + at[1]);
                         });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add(a.dy());
  }
};

}  // namespace

constinit const OpRule broadcast_to_rule = make_rule<BroadcastTo>(
    {.name = "broadcast_to",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "shape:list",
     .samples = "[4] shape=[3,4]; [3,1] shape=[3,4]; [2,1,3] shape=[2,4,3]; [3,4] shape=[3,4]; [1] shape=[0];"
                "[1,3] shape=[2,1,3]; [] shape=[2,2]; [] shape=[]"});

Handle detail::broadcast_to(const Handle& x, const Shape& shape, Where where) {
  return record(broadcast_to_rule, {x}, Attrs().with(Ids(shape.extents())), where);
}

}  // namespace unspool
