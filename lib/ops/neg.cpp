// op:    Var neg(const Var& x)
// shape: y as x
// math:  y = -x;  dx = -dy
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Neg {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    map(a.x(0), a.y(), [](T x) { return -x; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), [](T dy) { return -dy; });
  }
};

}  // namespace

constinit const OpRule neg_rule =
    make_rule<Neg>({.name = "neg", .arity = 1, .reads = Reads::neither, .samples = "[3,4]; []"});

Handle detail::neg(const Handle& x, Where where) { return record(neg_rule, {x}, where); }

}  // namespace unspool
