// op:    Var div(const Var& a, const Var& b)
// shape: y as a and b broadcast together
// math:  y = a / b;  da = dy / b, db = -dy * y / b, each summed over the axes it was broadcast along
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Div {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto x0 = a.x(0), x1 = a.x(1);
    if (x0.size == a.y().size && x1.size == a.y().size)
      kernels::kernel_table<T>().div(a.y().size, x0.data, x1.data, a.y().data);
    else
      map(x0, x1, a.y(), [](T u, T v) { return u / v; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(1), [](T dy, T b) { return dy / b; });
    a.dx(1).add_map(a.dy(), a.y(), a.x(1), [](T dy, T y, T b) { return -dy * (y / b); });
  }
};

}  // namespace

constinit const OpRule div_rule = make_rule<Div>(
    {.name = "div",
     .arity = 2,
     .reads = Reads::both,
     .samples = "[3,4] [3,4] in 1..3; [3,4] [4] in -3..-1; [2,1,3] [4,1] in 1..3; [] [2,2] in 1..3; [0,3] [3]"});

Handle detail::div(const Handle& a, const Handle& b, Where where) { return record(div_rule, {a, b}, where); }

}  // namespace unspool
