// op:    Var cos(const Var& x)
// shape: y as x
// math:  y = cos x;  dx = -dy * sin x
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Cos {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    map(a.x(0), a.y(), [](T x) { return maths::cos(x); });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(0), [](T dy, T x) { return -dy * maths::sin(x); });
  }
};

}  // namespace

constinit const OpRule cos_rule =
    make_rule<Cos>({.name = "cos", .arity = 1, .reads = Reads::inputs, .samples = "[3,4]; [1] in 4..6; [2,0,3]; []"});

Handle detail::cos(const Handle& x, Where where) { return record(cos_rule, {x}, where); }

}  // namespace unspool
