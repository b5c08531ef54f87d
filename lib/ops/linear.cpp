// op:    Var linear(const Var& x, const Var& weight)
// op:    Var linear(const Var& x, const Var& weight, const Var& bias)
// shape: x [..., in], weight [out, in] (PyTorch's layout), bias [out]; y [..., out]
// math:  y = x W^T + b;  dx = dy W, dW = dy^T x, db = the sum of dy's rows
#include <algorithm>

#include "ops/op.hpp"
#include "tape/multiply.hpp"

namespace unspool {
namespace {

struct Linear {
  static Shape infer(const InferArgs& a) {
    reject_unless(a, a.arity() == 2 || a.arity() == 3, ErrorCode::bad_argument,
                  "needs x, weight and at most a bias; given {}", a.arity());
    const Shape x = a.shape(0), w = a.shape(1);
    reject_unless(a, x.rank() >= 1, ErrorCode::shape_mismatch, "x needs an axis or more");
    reject_unless(a, w.rank() == 2, ErrorCode::shape_mismatch, "the weight must have two axes, [out,in]");
    reject_unless(a, x[-1] == w[1], ErrorCode::shape_mismatch,
                  "the last axis of x must match that of the weight, [out,in]; {} and {}", x[-1], w[1]);
    reject_unless(a, a.arity() == 2 || a.shape(2) == Shape{w[0]}, ErrorCode::shape_mismatch, "the bias must be [{}]",
                  w[0]);
    std::int64_t extents[Shape::max_rank];
    std::copy(x.extents().begin(), x.extents().end(), extents);
    extents[x.rank() - 1] = w[0];
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(x.rank())));
  }
  static std::int64_t flops(const InferArgs& a, const Shape& y) {
    return 2 * y.size() * a.shape(1)[1] + (a.arity() == 3 ? y.size() : 0);
  }

  // The bias is what the product is added to: no pass over y of its own.
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> x = a.x(0), w = a.x(1);
    const kernels::Onto<T> onto = a.arity() == 3 ? kernels::Onto<T>::row(a.x(2).data) : false;
    detail::multiply<T>(a.call(), 1, false, true, x.rows(), w.extent(0), w.extent(1), x.data, w.data, onto, a.y().data);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> x = a.x(0), w = a.x(1), dy = a.dy();
    const std::int64_t rows = x.rows(), in = w.extent(1), out = w.extent(0);
    a.dx(0).add_product(false, false, rows, in, out, dy, w);
    a.dx(1).add_product(true, false, out, in, rows, dy, x);
    if (a.arity() == 3) a.dx(2).add_columns(dy);
  }
};

}  // namespace

constinit const OpRule linear_rule =
    make_rule<Linear>({.name = "linear",
                       .arity = -1,
                       .reads = Reads::inputs,
                       .samples = "[3,4] [2,4] [2]; [3,4] [2,4]; [4] [3,4] [3]; [2,3,4] [5,4] [5]; [1,1] [1,1] [1];"
                                  "[0,4] [2,4] [2]; [3,0] [2,0] [2]; [2,3] [0,3] [0]; [3,3] [3,3] [3]"});

Handle detail::linear(const Handle& x, const Handle& weight, Where where) {
  return record(linear_rule, {x, weight}, where);
}

Handle detail::linear(const Handle& x, const Handle& weight, const Handle& bias, Where where) {
  return record(linear_rule, {x, weight, bias}, where);
}

}  // namespace unspool
