// op:    Var norm(const Var& x, const Axes& axes = {}, bool keepdims = false)
// shape: y as x without the reduced axes, or, with keepdims, with extent 1 there; no axes: all of them
// math:  y = sqrt(sum of x^2 over the axes);  dx = dy * x / y, and 0 where y is 0
// note:  In float the squares are added in double where they would overflow or vanish; in double they overflow beyond
//        1e154.
#include <limits>

#include "ops/reduction.hpp"

namespace unspool {
namespace {

// Precise in float for any numbers; the kernel's sum of squares is quicker where they are neither huge nor tiny.
template <class T>
T row_norm(std::int64_t n, const T* x) {
  const T squares = kernels::kernel_table<T>().sum_squares(n, x);
  if (squares > static_cast<T>(1e-30) && squares < std::numeric_limits<T>::max()) return maths::sqrt(squares);
  Wide<T> sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<Wide<T>>(x[i]) * static_cast<Wide<T>>(x[i]);
  return static_cast<T>(maths::sqrt(sum));
}

struct Norm {
  static Shape infer(const InferArgs& a) { return reduced_shape(a, 1); }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 2 * a.shape(0).size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 1);
    const View<const T> x = a.x(0);
    T* const y = a.y().data;
    if (reduces_rows(axes)) {
      for (std::int64_t j = 0; j < axes.kept; ++j) y[j] = row_norm(axes.count, x.data + j * axes.count);
      return;
    }
    Wide<T>* const squares = zeroed_sums(a, axes.kept);
    for_each_pair(x.dims(), axes, [&](std::int64_t i, std::int64_t j) {
      squares[j] += static_cast<Wide<T>>(x[i]) * static_cast<Wide<T>>(x[i]);
    });
    for (std::int64_t j = 0; j < axes.kept; ++j) y[j] = static_cast<T>(maths::sqrt(squares[j]));
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const ReducedAxes axes = reduced_axes(a, 1);
    const View<const T> x = a.x(0), y = a.y(), dy = a.dy();
    // The quotient first: dy / y may overflow where y is tiny.
    add_pairs(a, axes, [&](std::int64_t i, std::int64_t j) { return y[j] == 0 ? T(0) : dy[j] * (x[i] / y[j]); });
  }
};

}  // namespace

constinit const OpRule norm_rule =
    make_rule<Norm>({.name = "norm",
                     .arity = 1,
                     .reads = Reads::both,
                     .attrs = "keepdims:bool, axes:list",
                     .samples = "[3,4] keepdims=0 axes=[]; [3,4] keepdims=0 axes=[0]; [3,4] keepdims=1 axes=[-1];"
                                "[2,3,4] keepdims=0 axes=[1]; [2,3,4] keepdims=1 axes=[0,2]; [3,0] keepdims=0 axes=[0];"
                                "[2,1] in 1..2 keepdims=0 axes=[1]; [] in 1..2 keepdims=0 axes=[]"});

Handle detail::norm(const Handle& x, const Axes& axes, bool keepdims, Where where) {
  return record(norm_rule, {x}, Attrs(keepdims).with(axis_ids(axes)), where);
}

}  // namespace unspool
