// op:    Var add_scalar(const Var& x, double value)
// shape: y as x
// math:  y = x + value;  dx = dy
#include "ops/op.hpp"

namespace unspool {
namespace {

struct AddScalar {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().axpb(a.y().size, T{1}, a.x(0).data, static_cast<T>(a.real(0)), a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add(a.dy());
  }
};

}  // namespace

constinit const OpRule add_scalar_rule = make_rule<AddScalar>({.name = "add_scalar",
                                                               .arity = 1,
                                                               .reads = Reads::neither,
                                                               .attrs = "value:real",
                                                               .samples = "[3,4] value=0.5; [] value=-2"});

Handle detail::add_scalar(const Handle& x, double value, Where where) {
  return record(add_scalar_rule, {x}, Attrs(value), where);
}

}  // namespace unspool
