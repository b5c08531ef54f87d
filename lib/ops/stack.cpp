// op:    Var stack(const Vars& xs, int axis = 0)
// shape: xs of one shape; y has a new axis of extent xs.size() at `axis`, which may be the rank of xs (or -1): last
// math:  y = x_0, x_1, ... one behind the other along the new axis;  dx_i = the part of dy that x_i became
#include "ops/blocks.hpp"
#include "ops/op.hpp"

namespace unspool {
namespace {

// The new axis of y, which has `rank` axes, counted from the front.
int new_axis(const detail::ArgsBase& a, int rank) {
  const int axis = static_cast<int>(a.integer(0));
  return axis < 0 ? axis + rank : axis;
}

struct Stack {
  static Shape infer(const InferArgs& a) {
    const Shape first = a.shape(0);
    const int rank = first.rank() + 1;
    reject_unless(a, a.integer(0) >= -rank && a.integer(0) < rank, ErrorCode::bad_axis,
                  "axis must be in {}..{}; given {}", -rank, rank - 1, a.integer(0));
    reject_unless(a, rank <= Shape::max_rank, ErrorCode::bad_shape, "operands can have {} axes at most",
                  Shape::max_rank - 1);
    for (int i = 1; i < a.arity(); ++i)
      reject_unless(a, a.shape(i) == first, ErrorCode::shape_mismatch,
                    "operands must have one shape; the first is {} and number {} is {}", first, i, a.shape(i));
    const int axis = new_axis(a, rank);
    std::int64_t extents[Shape::max_rank];
    for (int k = 0; k < rank; ++k) extents[k] = k == axis ? a.arity() : first.extents()[k < axis ? k : k - 1];
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(rank)));
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const AxisView y = along(a.y().dims(), new_axis(a, a.y().rank));
    for (int i = 0; i < a.arity(); ++i)
      copy_blocks(y.before, y.after, a.x(i).data, y.after, a.y().data + i * y.after, y.extent * y.after);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const AxisView y = along(a.dy().dims(), new_axis(a, a.dy().rank));
    for (int i = 0; i < a.arity(); ++i)
      add_blocks_to(a.dx(i), y.before, y.after, a.dy().data + i * y.after, y.extent * y.after);
  }
};

}  // namespace

constinit const OpRule stack_rule = make_rule<Stack>(
    {.name = "stack",
     .arity = -1,
     .reads = Reads::neither,
     .attrs = "axis:int",
     .samples =
         "[2,3] [2,3] [2,3] axis=0; [2,3] [2,3] axis=1; [2,9] [2,9] axis=1; [2,3] [2,3] axis=-1; [] [] [] axis=0;"
         "[1] axis=0; [0,2] [0,2] axis=1; [3,1] [3,1] axis=-3"});

Handle detail::stack(std::span<const Handle> xs, int axis, Where where) {
  return record(stack_rule, xs, Attrs(axis), where);
}

}  // namespace unspool
