// op:    Var sigmoid(const Var& x)
// shape: y as x
// math:  y = 1 / (1 + e^-x);  dx = dy * y * (1 - y)
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Sigmoid {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().sigmoid(a.y().size, a.x(0).data, a.y().data);
  }
  // Far above 0, y rounds to 1 and the slope to 0 (in float beyond 17, true value below 6e-8). Accepted, as for tanh.
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      kernels::kernel_table<T>().sigmoid_grad(a.dy().size, a.dy().data, a.y().data, dx, !first);
  }
};

}  // namespace

constinit const OpRule sigmoid_rule = make_rule<Sigmoid>(
    {.name = "sigmoid", .arity = 1, .reads = Reads::output, .samples = "[3,4]; [1] in 4..6; [2,0,3]; []"});

Handle detail::sigmoid(const Handle& x, Where where) { return record(sigmoid_rule, {x}, where); }

}  // namespace unspool
