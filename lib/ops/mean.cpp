// op:    Var mean(const Var& x, const Axes& axes = {}, bool keepdims = false)
// shape: y as x without the reduced axes, or, with keepdims, with extent 1 there; no axes: all of them
// math:  y = sum of x over the axes / n, NaN over an empty extent;  dx = dy / n, repeated along the axes
#include "ops/reduction.hpp"

namespace unspool {
namespace {

struct Mean {
  static Shape infer(const InferArgs& a) { return reduced_shape(a, 1); }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return a.shape(0).size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 1);
    const View<T> y = a.y();
    sum_over(a, axes, y.data);
    for (std::int64_t j = 0; j < y.size; ++j) y[j] /= static_cast<T>(axes.count);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 1);
    add_repeated(a, axes, 1 / static_cast<T>(axes.count));
  }
};

}  // namespace

constinit const OpRule mean_rule =
    make_rule<Mean>({.name = "mean",
                     .arity = 1,
                     .reads = Reads::neither,
                     .attrs = "keepdims:bool, axes:list",
                     .samples = "[3,4] keepdims=0 axes=[]; [3,4] keepdims=0 axes=[0]; [3,4] keepdims=1 axes=[-1];"
                                "[2,3,4] keepdims=0 axes=[1]; [2,3,4] keepdims=1 axes=[0,2]; [3,0] keepdims=0 axes=[0];"
                                "[1,1] keepdims=0 axes=[1]; [] keepdims=0 axes=[]"});

Handle detail::mean(const Handle& x, const Axes& axes, bool keepdims, Where where) {
  return record(mean_rule, {x}, Attrs(keepdims).with(axis_ids(axes)), where);
}

}  // namespace unspool
