// op:    Var gather(const Var& x, int axis, Ids index, const Shape& index_shape)
// shape: index_shape has x's rank and, but along `axis`, at most x's extents; y as index_shape
// math:  y[i,j,k] = x[index[i,j,k],j,k] for axis 0, likewise for others;  dx at those places = the sum of dy
// note:  PyTorch's gather. Indices are row-major; negative ones are rejected.
#include "ops/id_list.hpp"

namespace unspool {
namespace {

// Calls f(position in y, position in x) for every element of y. x and y may differ in every extent.
template <class F>
void for_each_place(std::span<const std::int64_t> x, std::span<const std::int64_t> y, int axis,
                    std::span<const std::int64_t> index, F f) {
  const int rank = static_cast<int>(x.size());
  std::int64_t distance[Shape::max_rank];
  std::int64_t running = 1;
  for (int k = rank; k-- > 0; running *= x[k]) distance[k] = running;
  if (axis < 0) axis += rank;
  std::int64_t at[Shape::max_rank] = {};
  std::int64_t base = 0;  // position in x of the axes but `axis`
  for (std::size_t i = 0; i < index.size(); ++i) {
    f(static_cast<std::int64_t>(i), base + index[i] * distance[axis]);
    for (int k = rank; k-- > 0;) {
      if (k != axis) base += distance[k];
      if (++at[k] < y[k]) break;
      if (k != axis) base -= distance[k] * y[k];
      at[k] = 0;
    }
  }
}

struct Gather {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0), y = id_shape(a, 1);
    const int axis = axis_of(a, 0);
    bool fits = x.rank() == y.rank();
    for (int k = 0; fits && k < x.rank(); ++k) fits = k == axis || y[k] <= x[k];
    reject_unless(a, fits, ErrorCode::shape_mismatch,
                  "the index must have x's rank and, but along axis {}, at most its extents; given {}", axis, y);
    check_ids(a, ids_of(a, 1), x[axis]);
    return y;
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> x = a.x(0);
    const View<T> y = a.y();
    for_each_place(x.dims(), y.dims(), static_cast<int>(a.integer(0)), ids_of(a, 1),
                   [&](std::int64_t to, std::int64_t from) { y[to] = x[from]; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> dy = a.dy();
    const View<T> dx = a.dx(0).accumulator();
    for_each_place(dx.dims(), dy.dims(), static_cast<int>(a.integer(0)), ids_of(a, 1),
                   [&](std::int64_t from, std::int64_t to) { dx[to] += dy[from]; });
  }
};

}  // namespace

constinit const OpRule gather_rule = make_rule<Gather>(
    {.name = "gather",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "axis:int, index_rank:int, index:list",
     .samples = "[3,4] axis=1 index_rank=2 index=[3,2,0,3,1,1,2,0]; [3,4] axis=0 index_rank=2 index=[2,3,0,2,2,1,1,1];"
                "[2,3,2] axis=-2 index_rank=3 index=[2,2,1,0,1,2,2]; [4] axis=0 index_rank=1 index=[5,0,3,3,1,0];"
                "[1] axis=0 index_rank=1 index=[1,0]; [3,0] axis=0 index_rank=2 index=[2,0]; [2,3] axis=1 index_rank=2 "
                "index=[0,3]"});

Handle detail::gather(const Handle& x, int axis, Ids index, const Shape& index_shape, Where where) {
  Attrs attrs(axis);
  push_shape(attrs, index_shape);
  return record(gather_rule, {x}, attrs.with(index), where);
}

}  // namespace unspool
