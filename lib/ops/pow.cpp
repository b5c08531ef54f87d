// op:    Var pow(const Var& x, const Var& exponent)
// shape: y as x and exponent broadcast together
// math:  y = x^e;  dx = dy * e x^(e-1), de = dy * y ln x, each summed over the axes it was broadcast along
// note:  dx is 0 where e is 0, and de is 0 where x is 0 and e >= 0; de is NaN for a negative x.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Pow {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    map(a.x(0), a.x(1), a.y(), [](T x, T e) { return maths::pow(x, e); });
  }
  // The two zero cases are limits: e x^(e-1) at e = 0, and x^e ln x at x = 0; computed, they would be 0 * infinity.
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(0), a.x(1),
                    [](T dy, T x, T e) { return e == T{0} ? T{0} : dy * (e * maths::pow(x, e - T{1})); });
    if (!a.needs(1)) return;
    a.dx(1).add_map(a.dy(), a.x(0), a.x(1), [](T dy, T x, T e) {
      return x == T{0} && e >= T{0} ? T{0} : dy * (maths::pow(x, e) * maths::log(x));
    });
  }
};

}  // namespace

constinit const OpRule pow_rule = make_rule<Pow>(
    {.name = "pow",
     .arity = 2,
     .reads = Reads::inputs,
     .samples = "[3,4] in 0.3..2 [3,4]; [3,4] in 0.3..2 [4]; [2,1,3] in 0.3..2 [4,1]; [] in 0.3..2 [2,2];"
                "[1] in 0.3..2 [] in 3..4; [0,3] in 0.3..2 [3]; [2,2] in -2..-0.3 [2,2]! in 3..3"});

Handle detail::pow(const Handle& x, const Handle& exponent, Where where) {
  return record(pow_rule, {x, exponent}, where);
}

}  // namespace unspool
