// op:    Var rsub_scalar(const Var& x, double value)
// shape: y as x
// math:  y = value - x;  dx = -dy
#include "ops/op.hpp"

namespace unspool {
namespace {

struct RsubScalar {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T value = static_cast<T>(a.real(0));
    map(a.x(0), a.y(), [value](T x) { return value - x; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), [](T dy) { return -dy; });
  }
};

}  // namespace

constinit const OpRule rsub_scalar_rule = make_rule<RsubScalar>({.name = "rsub_scalar",
                                                                 .arity = 1,
                                                                 .reads = Reads::neither,
                                                                 .attrs = "value:real",
                                                                 .samples = "[3,4] value=0.5; [] value=-2"});

Handle detail::rsub_scalar(const Handle& x, double value, Where where) {
  return record(rsub_scalar_rule, {x}, Attrs(value), where);
}

}  // namespace unspool
