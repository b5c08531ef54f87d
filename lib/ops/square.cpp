// op:    Var square(const Var& x)
// shape: y as x
// math:  y = x^2;  dx = 2 dy x
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Square {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().square(a.y().size, a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      kernels::kernel_table<T>().square_grad(a.dy().size, a.dy().data, a.x(0).data, dx, !first);
  }
};

}  // namespace

constinit const OpRule square_rule = make_rule<Square>(
    {.name = "square", .arity = 1, .reads = Reads::inputs, .samples = "[3,4]; [1] in 4..6; [2,0,3]; []"});

Handle detail::square(const Handle& x, Where where) { return record(square_rule, {x}, where); }

}  // namespace unspool
