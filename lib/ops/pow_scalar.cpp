// op:    Var pow(const Var& x, double exponent)
// shape: y as x
// math:  y = x^e;  dx = dy * e x^(e-1)
// note:  dx is 0 where e is 0, also at x = 0. Records the op pow_scalar.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct PowScalar {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T e = static_cast<T>(a.real(0));
    if (e == T{2}) return kernels::kernel_table<T>().square(a.y().size, a.x(0).data, a.y().data);
    map(a.x(0), a.y(), [e](T x) { return maths::pow(x, e); });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const T e = static_cast<T>(a.real(0));
    if (e == T{2}) {
      bool first;
      if (T* dx = a.dx(0).touch(first))
        kernels::kernel_table<T>().square_grad(a.dy().size, a.dy().data, a.x(0).data, dx, !first);
    } else if (e == T{0}) {
      a.dx(0).add_map(a.dy(), [](T) { return T{0}; });
    } else {
      a.dx(0).add_map(a.dy(), a.x(0), [e](T dy, T x) { return dy * (e * maths::pow(x, e - T{1})); });
    }
  }
};

}  // namespace

constinit const OpRule pow_scalar_rule =
    make_rule<PowScalar>({.name = "pow_scalar",
                          .arity = 1,
                          .reads = Reads::inputs,
                          .attrs = "exponent:real",
                          .samples = "[3,4] exponent=2; [3,4] exponent=3; [3,4] in 0.3..2 exponent=0.5;"
                                     "[4] in 0.3..2 exponent=-1.5; [2,3] exponent=0; [2,3] exponent=1;"
                                     "[2,0,3] exponent=2.5; [] in 0.5..2 exponent=1.25; [1] in -3..-2 exponent=-3"});

Handle detail::pow(const Handle& x, double exponent, Where where) {
  return record(pow_scalar_rule, {x}, Attrs(exponent), where);
}

}  // namespace unspool
