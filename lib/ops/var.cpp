// op:    Var var(const Var& x, const Axes& axes = {}, bool unbiased = true, bool keepdims = false)
// shape: y as x without the reduced axes, or, with keepdims, with extent 1 there; no axes: all of them
// math:  y = sum of (x - mean)^2 / d over the axes, d = n - 1, or n where not unbiased;  dx = dy * 2 (x - mean) / d
// note:  Arguments in torch.var's order. NaN, in the gradient too, where d is 0: one element (unbiased) or none.
#include "ops/reduction.hpp"

namespace unspool {
namespace {

template <class T>
T divisor(const ReducedAxes& axes, bool unbiased) {
  return static_cast<T>(std::max<std::int64_t>(axes.count - (unbiased ? 1 : 0), 0));
}

struct Variance {
  static Shape infer(const InferArgs& a) { return reduced_shape(a, 2); }
  static std::int64_t saved(const InferArgs&, const Shape& y) { return y.size(); }  // the means
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 4 * a.shape(0).size(); }
  // Two passes in double: the variance of equal numbers is exactly 0, and a large mean costs no digits.
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 2);
    const View<const T> x = a.x(0);
    const View<T> y = a.y();
    Wide<T>* const mean = zeroed_sums(a, axes.kept);
    Wide<T>* const squares = zeroed_sums(a, axes.kept);
    for_each_pair(x.dims(), axes, [&](std::int64_t i, std::int64_t j) { mean[j] += static_cast<Wide<T>>(x[i]); });
    for (std::int64_t j = 0; j < axes.kept; ++j) mean[j] /= static_cast<double>(axes.count);
    for_each_pair(x.dims(), axes, [&](std::int64_t i, std::int64_t j) {
      const Wide<T> d = static_cast<Wide<T>>(x[i]) - mean[j];
      squares[j] += d * d;
    });
    for (std::int64_t j = 0; j < axes.kept; ++j) {
      a.saved()[j] = static_cast<T>(mean[j]);
      y[j] = static_cast<T>(squares[j] / divisor<double>(axes, a.flag(0)));
    }
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 2);
    const View<const T> x = a.x(0), dy = a.dy();
    const T* const mean = a.saved();
    const T scale = 2 / divisor<T>(axes, a.flag(0));
    add_pairs(a, axes, [&](std::int64_t i, std::int64_t j) { return dy[j] * scale * (x[i] - mean[j]); });
  }
};

}  // namespace

constinit const OpRule var_rule = make_rule<Variance>(
    {.name = "var",
     .arity = 1,
     .reads = Reads::inputs,
     .attrs = "unbiased:bool, keepdims:bool, axes:list",
     .samples = "[3,4] unbiased=1 keepdims=0 axes=[]; [3,4] unbiased=0 keepdims=0 axes=[0];"
                "[3,4] unbiased=1 keepdims=1 axes=[-1]; [2,3,4] unbiased=1 keepdims=0 axes=[0,2];"
                "[2,3,4] in 5..9 unbiased=0 keepdims=0 axes=[1]; [3,1] unbiased=0 keepdims=0 axes=[1];"
                "[3,0] unbiased=1 keepdims=0 axes=[0]; [] unbiased=0 keepdims=0 axes=[]"});

Handle detail::var(const Handle& x, const Axes& axes, bool unbiased, bool keepdims, Where where) {
  return record(var_rule, {x}, Attrs(unbiased, keepdims).with(axis_ids(axes)), where);
}

}  // namespace unspool
