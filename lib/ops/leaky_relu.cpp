// op:    Var leaky_relu(const Var& x, double slope = 0.01)
// shape: y as x
// math:  y = x where x > 0, else slope * x;  dx = dy where x > 0, else slope * dy
// note:  At 0 the gradient is slope * dy.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct LeakyRelu {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T slope = static_cast<T>(a.real(0));
    map(a.x(0), a.y(), [slope](T x) { return x > T{0} ? x : slope * x; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const T slope = static_cast<T>(a.real(0));
    a.dx(0).add_map(a.dy(), a.x(0), [slope](T dy, T x) { return x > T{0} ? dy : slope * dy; });
  }
};

}  // namespace

constinit const OpRule leaky_relu_rule = make_rule<LeakyRelu>(
    {.name = "leaky_relu",
     .arity = 1,
     .reads = Reads::inputs,
     .attrs = "slope:real",
     .samples = "[3,4] in 0.1..2 slope=0.01; [3,4] in -2..-0.1 slope=0.01; [3] in -2..-0.1 slope=-0.5;"
                "[2,0,3] slope=0.2; [1] in 4..6 slope=0.2; [] in -1..-0.5 slope=0.2"});

Handle detail::leaky_relu(const Handle& x, double slope, Where where) {
  return record(leaky_relu_rule, {x}, Attrs(slope), where);
}

}  // namespace unspool
