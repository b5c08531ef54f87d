// op:    Var exp(const Var& x)
// shape: y as x
// math:  y = e^x;  dx = dy * y
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Exp {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().exp(a.y().size, a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      kernels::kernel_table<T>().exp_grad(a.dy().size, a.dy().data, a.y().data, dx, !first);
  }
};

}  // namespace

constinit const OpRule exp_rule =
    make_rule<Exp>({.name = "exp", .arity = 1, .reads = Reads::output, .samples = "[3,4]; [1] in 4..6; [2,0,3]; []"});

Handle detail::exp(const Handle& x, Where where) { return record(exp_rule, {x}, where); }

}  // namespace unspool
