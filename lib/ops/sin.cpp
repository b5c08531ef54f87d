// op:    Var sin(const Var& x)
// shape: y as x
// math:  y = sin x;  dx = dy * cos x
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Sin {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    map(a.x(0), a.y(), [](T x) { return maths::sin(x); });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(0), [](T dy, T x) { return dy * maths::cos(x); });
  }
};

}  // namespace

constinit const OpRule sin_rule =
    make_rule<Sin>({.name = "sin", .arity = 1, .reads = Reads::inputs, .samples = "[3,4]; [1] in 4..6; [2,0,3]; []"});

Handle detail::sin(const Handle& x, Where where) { return record(sin_rule, {x}, where); }

}  // namespace unspool
