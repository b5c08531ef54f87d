// op:    Var sqrt(const Var& x)
// shape: y as x
// math:  y = sqrt(x);  dx = dy / (2 y)
// note:  At 0 the slope is infinite, and infinity * 0 = NaN where dy is 0: add a small number first. y is NaN below 0.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Sqrt {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().sqrt(a.y().size, a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      kernels::kernel_table<T>().sqrt_grad(a.dy().size, a.dy().data, a.y().data, dx, !first);
  }
};

}  // namespace

constinit const OpRule sqrt_rule =
    make_rule<Sqrt>({.name = "sqrt",
                     .arity = 1,
                     .reads = Reads::output,
                     .samples = "[3,4] in 0.2..3; [1] in 40..60; [2,0,3]; [] in 0.5..1"});

Handle detail::sqrt(const Handle& x, Where where) { return record(sqrt_rule, {x}, where); }

}  // namespace unspool
