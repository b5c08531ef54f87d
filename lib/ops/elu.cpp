// op:    Var elu(const Var& x, double alpha = 1)
// shape: y as x
// math:  y = x where x > 0, else alpha * (e^x - 1);  dx = dy where x > 0, else dy * alpha * e^x
// note:  At 0 the gradient is alpha * dy.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Elu {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T alpha = static_cast<T>(a.real(0));
    kernels::kernel_table<T>().expm1(a.y().size, a.x(0).data, a.y().data);
    map<T>(a.x(0), a.y(), a.y(), [alpha](T x, T expm1) { return x > T{0} ? x : alpha * expm1; });
  }
  // From e^x and not from y + alpha, which loses every digit of a slope far below 0.
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    if (!a.needs(0)) return;
    const T alpha = static_cast<T>(a.real(0));
    const View<const T> x = a.x(0);
    T* exp = a.temporary(x.size);
    kernels::kernel_table<T>().exp(x.size, x.data, exp);
    const View<const T> slope{exp, x.extents, x.size, x.rank, owner_temporary};
    a.dx(0).add_map(a.dy(), x, slope, [alpha](T dy, T v, T e) { return v > T{0} ? dy : dy * alpha * e; });
  }
};

}  // namespace

constinit const OpRule elu_rule =
    make_rule<Elu>({.name = "elu",
                    .arity = 1,
                    .reads = Reads::inputs,
                    .attrs = "alpha:real",
                    .samples = "[3,4] in 0.1..2 alpha=1; [3,4] in -2..-0.1 alpha=1; [3,4] in -2..-0.1 alpha=1.7;"
                               "[2,0,3] alpha=1; [1] in 4..6 alpha=0.5; [] in -1..-0.5 alpha=0.5"});

Handle detail::elu(const Handle& x, double alpha, Where where) { return record(elu_rule, {x}, Attrs(alpha), where); }

}  // namespace unspool
