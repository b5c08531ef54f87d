// op:    Var concat(const Vars& xs, int axis = 0)
// shape: xs agree on every axis but `axis`, along which y has the sum of their extents
// math:  y = x_0, x_1, ... one behind the other;  dx_i = the range of dy that x_i became
#include "ops/blocks.hpp"
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Concat {
  static Shape infer(const InferArgs& a) {
    const Shape first = a.shape(0);
    const int axis = axis_of(a, 0);
    std::int64_t extents[Shape::max_rank];
    std::copy(first.extents().begin(), first.extents().end(), extents);
    for (int i = 1; i < a.arity(); ++i) {
      const Shape x = a.shape(i);
      bool agree = x.rank() == first.rank();
      for (int k = 0; agree && k < x.rank(); ++k) agree = k == axis || x.extents()[k] == first.extents()[k];
      reject_unless(a, agree, ErrorCode::shape_mismatch,
                    "operands must agree on every axis but {}; the first is {} and number {} is {}", axis, first, i, x);
      extents[axis] += x.extents()[axis];
    }
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(first.rank())));
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const AxisView y = along(a.y().dims(), static_cast<int>(a.integer(0)));
    T* to = a.y().data;
    for (int i = 0; i < a.arity(); ++i) {
      const View<const T> x = a.x(i);
      if (y.before == 0) return;
      const std::int64_t width = x.size / y.before;
      copy_blocks(y.before, width, x.data, width, to, y.extent * y.after);
      to += width;
    }
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const int axis = static_cast<int>(a.integer(0));
    const AxisView y = along(a.dy().dims(), axis);
    const T* from = a.dy().data;
    for (int i = 0; i < a.arity(); ++i) {
      const std::int64_t width = along(a.x(i).dims(), axis).extent * y.after;
      add_blocks_to(a.dx(i), y.before, width, from, y.extent * y.after);
      from += width;
    }
  }
};

}  // namespace

constinit const OpRule concat_rule = make_rule<Concat>(
    {.name = "concat",
     .arity = -1,
     .reads = Reads::neither,
     .attrs = "axis:int",
     .samples = "[2,3] [4,3] [1,3] axis=0; [2,3] [2,1] axis=1; [2,3,2] [2,1,2] [2,10,2] axis=-2; [3] axis=0;"
                "[2] [0] [1] axis=-1; [0,2] [0,3] axis=1; [2,2] [2,2] axis=1"});

Handle detail::concat(std::span<const Handle> xs, int axis, Where where) {
  return record(concat_rule, xs, Attrs(axis), where);
}

}  // namespace unspool
