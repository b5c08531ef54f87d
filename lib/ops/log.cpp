// op:    Var log(const Var& x)
// shape: y as x
// math:  y = ln x;  dx = dy / x
// note:  y is -infinity at 0 and NaN below.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Log {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().log(a.y().size, a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      kernels::kernel_table<T>().log_grad(a.dy().size, a.dy().data, a.x(0).data, dx, !first);
  }
};

}  // namespace

constinit const OpRule log_rule = make_rule<Log>({.name = "log",
                                                  .arity = 1,
                                                  .reads = Reads::inputs,
                                                  .samples = "[3,4] in 0.2..3; [1] in 40..60; [2,0,3]; [] in 0.5..1"});

Handle detail::log(const Handle& x, Where where) { return record(log_rule, {x}, where); }

}  // namespace unspool
