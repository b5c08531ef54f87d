// op:    Var rdiv_scalar(const Var& x, double value)
// shape: y as x
// math:  y = value / x;  dx = -dy * y / x
#include "ops/op.hpp"

namespace unspool {
namespace {

struct RdivScalar {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T value = static_cast<T>(a.real(0));
    map(a.x(0), a.y(), [value](T x) { return value / x; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.y(), a.x(0), [](T dy, T y, T x) { return -dy * (y / x); });
  }
};

}  // namespace

constinit const OpRule rdiv_scalar_rule =
    make_rule<RdivScalar>({.name = "rdiv_scalar",
                           .arity = 1,
                           .reads = Reads::both,
                           .attrs = "value:real",
                           .samples = "[3,4] in 0.5..2 value=0.5; [] in 1..2 value=-2"});

Handle detail::rdiv_scalar(const Handle& x, double value, Where where) {
  return record(rdiv_scalar_rule, {x}, Attrs(value), where);
}

}  // namespace unspool
