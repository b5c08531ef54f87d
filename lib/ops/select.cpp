// op:    Var select(const Var& x, int axis, std::int64_t index)
// shape: y as x without `axis`
// math:  y = x at `index` along the axis;  dx = dy there, 0 elsewhere
// note:  A negative index counts from the end. Along axis 0 (or behind axes of one element only) y is a view: nothing
//        is copied, forward or backward.
#include "ops/blocks.hpp"
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Place {
  AxisView x;
  std::int64_t index;
};

Place place_of(const detail::ArgsBase& a, std::span<const std::int64_t> extents) {
  const AxisView v = along(extents, static_cast<int>(a.integer(0)));
  return {v, a.integer(1) + (a.integer(1) < 0 ? v.extent : 0)};
}

struct Select {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    const int axis = axis_of(a, 0);
    const Place p = place_of(a, x.extents());
    reject_unless(a, p.index >= 0 && p.index < p.x.extent, ErrorCode::index_out_of_range,
                  "index must be within the extent {} of axis {}; given {}", p.x.extent, axis, a.integer(1));
    std::int64_t extents[Shape::max_rank];
    int rank = 0;
    for (int k = 0; k < x.rank(); ++k)
      if (k != axis) extents[rank++] = x.extents()[k];
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(rank)));
  }
  static std::int64_t view(const InferArgs& a) {
    const Place p = place_of(a, a.shape(0).extents());
    return p.x.before == 1 ? p.index * p.x.after : -1;
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto [x, index] = place_of(a, a.x(0).dims());
    copy_blocks(x.before, x.after, a.x(0).data + index * x.after, x.extent * x.after, a.y().data, x.after);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<T> dx = a.dx(0).accumulator();
    const auto [x, index] = place_of(a, dx.dims());
    add_blocks(x.before, x.after, a.dy().data, x.after, dx.data + index * x.after, x.extent * x.after);
  }
};

}  // namespace

constinit const OpRule select_rule = make_rule<Select>(
    {.name = "select",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "axis:int, index:int",
     .samples = "[3,4] axis=1 index=2; [3,4] axis=0 index=1; [2,3,9] axis=1 index=-1; [3] axis=0 index=2;"
                "[2,3] axis=-1 index=0; [1,4] axis=1 index=3; [0,4] axis=1 index=0; [2,2,0] axis=1 index=1"});

Handle detail::select(const Handle& x, int axis, std::int64_t index, Where where) {
  return record(select_rule, {x}, Attrs(axis, index), where);
}

}  // namespace unspool
