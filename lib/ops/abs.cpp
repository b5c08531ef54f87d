// op:    Var abs(const Var& x)
// shape: y as x
// math:  y = |x|;  dx = dy * sign(x)
// note:  The slope at 0 is 0.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Abs {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().abs(a.y().size, a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      kernels::kernel_table<T>().abs_grad(a.dy().size, a.dy().data, a.x(0).data, dx, !first);
  }
};

}  // namespace

constinit const OpRule abs_rule =
    make_rule<Abs>({.name = "abs",
                    .arity = 1,
                    .reads = Reads::inputs,
                    .samples = "[3,4] in 0.1..2; [3,4] in -2..-0.1; [1] in 4..6; [2,0,3]; [] in -1..-0.5"});

Handle detail::abs(const Handle& x, Where where) { return record(abs_rule, {x}, where); }

}  // namespace unspool
