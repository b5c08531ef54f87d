// op:    Var mul_scalar(const Var& x, double value)
// shape: y as x
// math:  y = x * value;  dx = dy * value
#include "ops/op.hpp"

namespace unspool {
namespace {

struct MulScalar {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().scale_grad(a.y().size, a.x(0).data, static_cast<T>(a.real(0)), a.y().data, false);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    if (T* dx = a.dx(0).touch(first))
      kernels::kernel_table<T>().scale_grad(a.dy().size, a.dy().data, static_cast<T>(a.real(0)), dx, !first);
  }
};

}  // namespace

constinit const OpRule mul_scalar_rule = make_rule<MulScalar>({.name = "mul_scalar",
                                                               .arity = 1,
                                                               .reads = Reads::neither,
                                                               .attrs = "value:real",
                                                               .samples = "[3,4] value=0.5; [] value=-2"});

Handle detail::mul_scalar(const Handle& x, double value, Where where) {
  return record(mul_scalar_rule, {x}, Attrs(value), where);
}

}  // namespace unspool
