// op:    Var argmax(const Var& x, int axis, bool keepdims = false)
// shape: y as x without the axis, or with extent 1 there if keepdims
// math:  y = the position along the axis of the largest value;  no gradient
// note:  The first of equal values; the first NaN where there is one. The axis must not be empty.
#include "ops/op.hpp"

namespace unspool {
namespace {

// Positions are stored as values: beyond this extent not every one of them is a float.
constexpr std::int64_t float_limit = std::int64_t{1} << 24;

struct Argmax {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    const int axis = axis_of(a, 0);
    const std::int64_t extent = x[axis];
    reject_unless(a, extent > 0, ErrorCode::bad_shape, "the axis must not be empty; axis {} has no elements", axis);
    reject_unless(a, a.scalar() != ScalarType::float32 || extent <= float_limit, ErrorCode::unsupported,
                  "float32 holds positions up to {}; axis {} has {} elements", float_limit, axis, extent);
    std::int64_t extents[Shape::max_rank];
    std::size_t rank = 0;
    for (int i = 0; i < x.rank(); ++i)
      if (i != axis || a.flag(1)) extents[rank++] = i == axis ? 1 : x[i];
    return Shape(std::span<const std::int64_t>(extents, rank));
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> x = a.x(0);
    const AxisView v = along(x.dims(), static_cast<int>(a.integer(0)));
    for (std::int64_t before = 0; before < v.before; ++before)
      for (std::int64_t after = 0; after < v.after; ++after) {
        const T* column = x.data + before * v.extent * v.after + after;
        std::int64_t best = 0;
        for (std::int64_t i = 1; i < v.extent; ++i) {
          const T held = column[best * v.after], value = column[i * v.after];
          if (value > held || (maths::isnan(value) && !maths::isnan(held))) best = i;
        }
        a.y()[before * v.after + after] = static_cast<T>(best);
      }
  }
};

}  // namespace

constinit const OpRule argmax_rule =
    make_rule<Argmax>({.name = "argmax",
                       .arity = 1,
                       .reads = Reads::neither,
                       .attrs = "axis:int, keepdims:bool",
                       .samples = "[3,4] axis=1 keepdims=0; [3,4] axis=0 keepdims=1; [2,3,4] axis=-2 keepdims=0;"
                                  "[2,3,4] axis=-3 keepdims=1; [1] axis=0 keepdims=0; [3,0] axis=0 keepdims=0"});

Handle detail::argmax(const Handle& x, int axis, bool keepdims, Where where) {
  return record(argmax_rule, {x}, Attrs(axis, keepdims), where);
}

}  // namespace unspool
