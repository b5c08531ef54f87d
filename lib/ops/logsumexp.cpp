// op:    Var logsumexp(const Var& x, const Axes& axes = {}, bool keepdims = false)
// shape: y as x without the reduced axes, or, with keepdims, with extent 1 there; no axes: all of them
// math:  y = m + log(sum of exp(x - m)) over the axes, m the largest x;  dx = dy * exp(x - y)
// note:  Over an empty extent, or where every x is -inf, y is -inf; in the second case the gradient is NaN, as in
//        PyTorch.
#include "ops/reduction.hpp"

namespace unspool {
namespace {

template <class T>
void logsumexp_over(const ForwardArgs<T>& a, const ReducedAxes& axes) {
  const View<const T> x = a.x(0);
  T* const y = a.y().data;
  Wide<T>* const sums = zeroed_sums(a, axes.kept);
  std::fill_n(y, axes.kept, static_cast<T>(-HUGE_VAL));
  for_each_pair(x.dims(), axes,
                [&](std::int64_t i, std::int64_t j) { y[j] = x[i] > y[j] || x[i] != x[i] ? x[i] : y[j]; });
  for_each_pair(x.dims(), axes,
                [&](std::int64_t i, std::int64_t j) { sums[j] += static_cast<Wide<T>>(maths::exp(x[i] - y[j])); });
  // An infinite or NaN maximum is the answer; shifting by it turned infinity into NaN.
  for (std::int64_t j = 0; j < axes.kept; ++j)
    if (maths::isfinite(y[j])) y[j] += static_cast<T>(maths::log(sums[j]));
}

struct Logsumexp {
  static Shape infer(const InferArgs& a) { return reduced_shape(a, 1); }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 3 * a.shape(0).size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 1);
    if (reduces_rows(axes))
      kernels::kernel_table<T>().row_logsumexp(axes.kept, axes.count, a.x(0).data, a.y().data);
    else
      logsumexp_over(a, axes);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 1);
    const View<const T> x = a.x(0), y = a.y(), dy = a.dy();
    if (!reduces_rows(axes))
      return add_pairs(a, axes, [&](std::int64_t i, std::int64_t j) { return dy[j] * maths::exp(x[i] - y[j]); });
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx == nullptr) return;
    const auto& k = kernels::kernel_table<T>();
    T* const p = first ? dx : a.temporary(x.size);
    k.row_exp_shifted(axes.kept, axes.count, x.data, y.data, p);
    k.scale_rows(axes.kept, axes.count, p, dy.data, dx, !first);
  }
};

}  // namespace

constinit const OpRule logsumexp_rule = make_rule<Logsumexp>(
    {.name = "logsumexp",
     .arity = 1,
     .reads = Reads::both,
     .attrs = "keepdims:bool, axes:list",
     .samples = "[3,4] keepdims=0 axes=[]; [3,4] keepdims=0 axes=[0]; [3,4] keepdims=1 axes=[-1];"
                "[2,3,4] keepdims=0 axes=[1]; [2,3,4] in -9..9 keepdims=1 axes=[0,2]; [0,3] keepdims=0 axes=[1];"
                "[1,1] keepdims=0 axes=[1]; [] keepdims=0 axes=[]"});

Handle detail::logsumexp(const Handle& x, const Axes& axes, bool keepdims, Where where) {
  return record(logsumexp_rule, {x}, Attrs(keepdims).with(axis_ids(axes)), where);
}

}  // namespace unspool
