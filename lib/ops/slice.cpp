// op:    Var slice(const Var& x, int axis, std::int64_t begin, std::int64_t end = INT64_MAX)
// shape: y as x, with end - begin elements along `axis`
// math:  y_i = x_(begin+i) along the axis;  dx = dy in that range, 0 elsewhere
// note:  Negative bounds count from the end; INT64_MAX is the end. A range that is contiguous in memory (axis 0, or
//        only axes of one element before the axis) is a view: nothing is copied, forward or backward.
#include "ops/blocks.hpp"
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Range {
  int axis;
  std::int64_t begin, end;
};

Range range_of(const detail::ArgsBase& a, std::span<const std::int64_t> extents) {
  const int axis = static_cast<int>(a.integer(0)) + (a.integer(0) < 0 ? static_cast<int>(extents.size()) : 0);
  const std::int64_t extent = extents[axis];
  const auto counted = [&](std::int64_t bound) {
    return bound == INT64_MAX ? extent : bound < 0 ? bound + extent : bound;
  };
  return {axis, counted(a.integer(1)), counted(a.integer(2))};
}

struct Slice {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    const int axis = axis_of(a, 0);
    const Range r = range_of(a, x.extents());
    reject_unless(a, r.begin >= 0 && r.begin <= r.end && r.end <= x[axis], ErrorCode::index_out_of_range,
                  "begin and end must be in order and within the extent {} of axis {}; given {} and {}", x[axis], axis,
                  a.integer(1), a.integer(2));
    std::int64_t extents[Shape::max_rank];
    std::copy(x.extents().begin(), x.extents().end(), extents);
    extents[axis] = r.end - r.begin;
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(x.rank())));
  }
  static std::int64_t view(const InferArgs& a) {
    const Shape x = a.shape(0);
    const Range r = range_of(a, x.extents());
    const AxisView v = along(x.extents(), r.axis);
    return v.before == 1 || (r.begin == 0 && r.end == v.extent) ? r.begin * v.after : -1;
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const Range r = range_of(a, a.x(0).dims());
    const AxisView v = along(a.x(0).dims(), r.axis);
    const std::int64_t width = (r.end - r.begin) * v.after;
    copy_blocks(v.before, width, a.x(0).data + r.begin * v.after, v.extent * v.after, a.y().data, width);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<T> dx = a.dx(0).accumulator();
    const Range r = range_of(a, dx.dims());
    const AxisView v = along(dx.dims(), r.axis);
    const std::int64_t width = (r.end - r.begin) * v.after;
    add_blocks(v.before, width, a.dy().data, width, dx.data + r.begin * v.after, v.extent * v.after);
  }
};

}  // namespace

constinit const OpRule slice_rule = make_rule<Slice>(
    {.name = "slice",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "axis:int, begin:int, end:int",
     .samples = "[3,4] axis=1 begin=1 end=3; [3,4] axis=0 begin=1 end=3; [2,3,4] axis=-2 begin=-2 end=3;"
                "[3,20] axis=1 begin=2 end=19; [1,3,2] axis=1 begin=1 end=2; [3,4] axis=1 begin=2 end=2;"
                "[3,4] axis=0 begin=3 end=3; [0,4] axis=1 begin=0 end=1; [5] axis=0 begin=0 end=5"});

Handle detail::slice(const Handle& x, int axis, std::int64_t begin, std::int64_t end, Where where) {
  return record(slice_rule, {x}, Attrs(axis, begin, end), where);
}

}  // namespace unspool
