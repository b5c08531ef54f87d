// op:    Var index_select(const Var& x, int axis, Ids ids)
// shape: y as x, with ids.size() elements along `axis`
// math:  y_i = x_(ids[i]) along the axis;  dx_j = the sum of dy_i over the i with ids[i] = j
#include "ops/blocks.hpp"
#include "ops/id_list.hpp"

namespace unspool {
namespace {

struct IndexSelect {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    const int axis = axis_of(a, 0);
    check_ids(a, a.list(1), x[axis]);
    std::int64_t extents[Shape::max_rank];
    std::copy(x.extents().begin(), x.extents().end(), extents);
    extents[axis] = static_cast<std::int64_t>(a.list(1).size());
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(x.rank())));
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto ids = a.list(1);
    const AxisView x = along(a.x(0).dims(), static_cast<int>(a.integer(0)));
    const std::int64_t y_step = static_cast<std::int64_t>(ids.size()) * x.after;
    for (std::int64_t b = 0; b < x.before; ++b)
      for (std::size_t i = 0; i < ids.size(); ++i)
        copy_blocks<T>(1, x.after, a.x(0).data + (b * x.extent + ids[i]) * x.after, x.after,
                       a.y().data + b * y_step + static_cast<std::int64_t>(i) * x.after, x.after);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const auto ids = a.list(1);
    const AxisView x = along(a.x(0).dims(), static_cast<int>(a.integer(0)));
    if (x.before == 1) return a.dx(0).add_rows(ids, a.dy());
    const View<T> dx = a.dx(0).accumulator();
    const View<const T> dy = a.dy();
    const std::int64_t dy_step = static_cast<std::int64_t>(ids.size()) * x.after;
    for (std::int64_t b = 0; b < x.before; ++b)
      for (std::size_t i = 0; i < ids.size(); ++i)
        add_blocks<T>(1, x.after, dy.data + b * dy_step + static_cast<std::int64_t>(i) * x.after, x.after,
                      dx.data + (b * x.extent + ids[i]) * x.after, x.after);
  }
};

}  // namespace

constinit const OpRule index_select_rule = make_rule<IndexSelect>(
    {.name = "index_select",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "axis:int, ids:list",
     .samples = "[3,4] axis=0 ids=[2,0,2]; [3,4] axis=1 ids=[3,3,1,0,0]; [2,3,9] axis=-2 ids=[1,1];"
                "[5] axis=0 ids=[4,0]; [1] axis=0 ids=[0]; [3,4] axis=1 ids=[]; [0,2] axis=1 ids=[1,0]"});

Handle detail::index_select(const Handle& x, int axis, Ids ids, Where where) {
  return record(index_select_rule, {x}, Attrs(axis).with(ids), where);
}

}  // namespace unspool
