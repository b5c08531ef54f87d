// op:    Var div_scalar(const Var& x, double value)
// shape: y as x
// math:  y = x / value;  dx = dy / value
#include "ops/op.hpp"

namespace unspool {
namespace {

struct DivScalar {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T value = static_cast<T>(a.real(0));
    map(a.x(0), a.y(), [value](T x) { return x / value; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const T value = static_cast<T>(a.real(0));
    a.dx(0).add_map(a.dy(), [value](T dy) { return dy / value; });
  }
};

}  // namespace

constinit const OpRule div_scalar_rule = make_rule<DivScalar>({.name = "div_scalar",
                                                               .arity = 1,
                                                               .reads = Reads::neither,
                                                               .attrs = "value:real",
                                                               .samples = "[3,4] value=0.5; [] value=-2"});

Handle detail::div_scalar(const Handle& x, double value, Where where) {
  return record(div_scalar_rule, {x}, Attrs(value), where);
}

}  // namespace unspool
