// op:    Var sum(const Var& x, const Axes& axes = {}, bool keepdims = false)
// shape: y as x without the reduced axes, or, with keepdims, with extent 1 there; no axes: all of them
// math:  y = sum of x over the axes, 0 over an empty extent;  dx = dy, repeated along the axes
// note:  The order of the additions is fixed. In float the error does not grow with the number of terms: blocks of
//        about a hundred are added in float, their sums in double.
#include "ops/reduction.hpp"

namespace unspool {
namespace {

struct Sum {
  static Shape infer(const InferArgs& a) { return reduced_shape(a, 1); }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return a.shape(0).size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    sum_over(a, reduced_axes(a, 1), a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    add_repeated(a, reduced_axes(a, 1), T(1));
  }
};

}  // namespace

constinit const OpRule sum_rule = make_rule<Sum>(
    {.name = "sum",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "keepdims:bool, axes:list",
     .samples = "[3,4] keepdims=0 axes=[]; [3,4] keepdims=1 axes=[]; [3,4] keepdims=0 axes=[0];"
                "[3,4] keepdims=1 axes=[-1]; [2,3,4] keepdims=0 axes=[1]; [2,3,4] keepdims=0 axes=[0,2];"
                "[2,3,2,2] keepdims=1 axes=[-3,3]; [2,3,4] keepdims=0 axes=[2,1]; [130,2] keepdims=0 axes=[0];"
                "[0,3] keepdims=0 axes=[0]; [3,0] keepdims=0 axes=[0]; [1,1] keepdims=0 axes=[1];"
                "[] keepdims=0 axes=[]"});

Handle detail::sum(const Handle& x, const Axes& axes, bool keepdims, Where where) {
  return record(sum_rule, {x}, Attrs(keepdims).with(axis_ids(axes)), where);
}

}  // namespace unspool
