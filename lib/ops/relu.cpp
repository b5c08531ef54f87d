// op:    Var relu(const Var& x)
// shape: y as x
// math:  y = max(x, 0);  dx = dy where x > 0, else 0
// note:  The slope at 0 is 0. A NaN stays NaN in y and passes no gradient.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Relu {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().relu(a.y().size, a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      kernels::kernel_table<T>().relu_grad(a.dy().size, a.dy().data, a.y().data, dx, !first);
  }
};

}  // namespace

constinit const OpRule relu_rule =
    make_rule<Relu>({.name = "relu",
                     .arity = 1,
                     .reads = Reads::output,
                     .samples = "[3,4] in 0.1..2; [3,4] in -2..-0.1; [1] in 4..6; [2,0,3]; [] in 0.5..1"});

Handle detail::relu(const Handle& x, Where where) { return record(relu_rule, {x}, where); }

}  // namespace unspool
