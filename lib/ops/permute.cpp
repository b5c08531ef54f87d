// op:    Var permute(const Var& x, const Axes& axes)
// shape: axis k of y is axis axes[k] of x; every axis is named once
// math:  y = x with its axes in the given order;  dx = dy with them put back
// note:  Where the order of the values stays (only axes of one element move), y is a view.
#include "ops/permute.hpp"

#include "ops/op.hpp"

namespace unspool {
namespace {

struct Order {
  int axes[Shape::max_rank];
  int inverse[Shape::max_rank];
};

Order order_of(const detail::ArgsBase& a) {
  const std::span<const std::int64_t> given = a.list(0);
  const int rank = static_cast<int>(given.size());
  Order order;
  for (int k = 0; k < rank; ++k) {
    order.axes[k] = static_cast<int>(given[k]) + (given[k] < 0 ? rank : 0);
    order.inverse[order.axes[k]] = k;
  }
  return order;
}

PermutePlan plan(std::span<const std::int64_t> extents, const int* axes) {
  return PermutePlan(extents, std::span<const int>(axes, extents.size()));
}

struct Permute {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    const std::span<const std::int64_t> given = a.list(0);
    const int rank = x.rank();
    reject_unless(a, static_cast<int>(given.size()) == rank, ErrorCode::bad_axis,
                  "every axis must be named once; given {}", given);
    unsigned named = 0;
    for (const std::int64_t axis : given) {
      reject_unless(a, axis >= -rank && axis < rank, ErrorCode::bad_axis, "axes must be in {}..{}; given {}", -rank,
                    rank - 1, given);
      named |= 1u << (axis < 0 ? axis + rank : axis);
    }
    reject_unless(a, named + 1 == 1u << rank, ErrorCode::bad_axis, "every axis must be named once; given {}", given);
    std::int64_t extents[Shape::max_rank];
    for (int k = 0; k < rank; ++k) extents[k] = x[static_cast<int>(given[k])];
    return Shape(std::span<const std::int64_t>(extents, given.size()));
  }
  static std::int64_t view(const InferArgs& a) {
    return plan(a.shape(0).extents(), order_of(a).axes).is_view() ? 0 : -1;
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    permute_copy(plan(a.x(0).dims(), order_of(a).axes), a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      (first ? permute_copy<T> : permute_add<T>)(plan(a.dy().dims(), order_of(a).inverse), a.dy().data, dx);
  }
};

}  // namespace

constinit const OpRule permute_rule = make_rule<Permute>(
    {.name = "permute",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "axes:list",
     .samples = "[3,4] axes=[1,0]; [2,3,4] axes=[2,0,1]; [2,3,4] axes=[1,0,-1]; [2,3,2,2] axes=[3,1,2,0];"
                "[2,3,4] axes=[0,1,2]; [2,1,3] axes=[1,0,2]; [] axes=[]; [0,2] axes=[1,0]; [18,2,19] axes=[2,1,0]"});

Handle detail::permute(const Handle& x, const Axes& axes, Where where) {
  Attrs attrs;
  return record(permute_rule, {x}, attrs.with(std::span<const int>(axes.begin(), axes.end())), where);
}

}  // namespace unspool
