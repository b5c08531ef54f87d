// op:    Var transpose(const Var& x, int axis0 = -2, int axis1 = -1)
// shape: y as x with the extents of the two axes exchanged
// math:  y = x with the two axes exchanged;  dx = dy with them exchanged back
// note:  Where the order of the values stays (one of the axes and all between have one element), y is a view.
#include "ops/op.hpp"
#include "ops/permute.hpp"

namespace unspool {
namespace {

PermutePlan swap_plan(const detail::ArgsBase& a, std::span<const std::int64_t> extents) {
  const int rank = static_cast<int>(extents.size());
  int axes[Shape::max_rank];
  for (int i = 0; i < rank; ++i) axes[i] = i;
  const auto counted = [&](int k) { return static_cast<int>(a.integer(k)) + (a.integer(k) < 0 ? rank : 0); };
  std::swap(axes[counted(0)], axes[counted(1)]);
  return PermutePlan(extents, std::span<const int>(axes, extents.size()));
}

struct Transpose {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    std::int64_t extents[Shape::max_rank];
    std::copy(x.extents().begin(), x.extents().end(), extents);
    std::swap(extents[axis_of(a, 0)], extents[axis_of(a, 1)]);
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(x.rank())));
  }
  static std::int64_t view(const InferArgs& a) { return swap_plan(a, a.shape(0).extents()).is_view() ? 0 : -1; }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    permute_copy(swap_plan(a, a.x(0).dims()), a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      (first ? permute_copy<T> : permute_add<T>)(swap_plan(a, a.dy().dims()), a.dy().data, dx);
  }
};

}  // namespace

constinit const OpRule transpose_rule = make_rule<Transpose>(
    {.name = "transpose",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "axis0:int, axis1:int",
     .samples = "[3,4] axis0=0 axis1=1; [2,3,4] axis0=0 axis1=-1; [2,3,4] axis0=0 axis1=1; [17,35] axis0=-1 axis1=0;"
                "[2,3,2,2] axis0=1 axis1=3; [3,4] axis0=1 axis1=1; [1,4] axis0=0 axis1=1; [0,2] axis0=0 axis1=1"});

Handle detail::transpose(const Handle& x, int axis0, int axis1, Where where) {
  return record(transpose_rule, {x}, Attrs(axis0, axis1), where);
}

}  // namespace unspool
