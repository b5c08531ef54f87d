// op:    Var minimum(const Var& a, const Var& b)
// shape: y as a and b broadcast together
// math:  y = min(a, b);  da = dy where a < b, half of dy where they are equal, else 0; db likewise
// note:  NaN where either is NaN; both then receive dy. Gradients are summed over the axes they were broadcast along.
#include "ops/op.hpp"

namespace unspool {
namespace {

// What an element receives of dy, given its own value and the other operand's.
constexpr auto share = []<class T>(T dy, T own, T other) { return own == other ? dy / 2 : own > other ? T{0} : dy; };

struct Minimum {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto x0 = a.x(0), x1 = a.x(1);
    if (x0.size == a.y().size && x1.size == a.y().size)
      kernels::kernel_table<T>().minimum(a.y().size, x0.data, x1.data, a.y().data);
    else
      map(x0, x1, a.y(), [](T u, T v) { return v > u || maths::isnan(u) ? u : v; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(0), a.x(1), share);
    a.dx(1).add_map(a.dy(), a.x(1), a.x(0), share);
  }
};

}  // namespace

constinit const OpRule minimum_rule =
    make_rule<Minimum>({.name = "minimum",
                        .arity = 2,
                        .reads = Reads::inputs,
                        .samples = "[3,4] in 0..1 [3,4] in 1.1..2; [3,4] in 1.1..2 [4] in 0..1;"
                                   "[2,1,3] in 0..1 [4,1] in 1.1..2; [] in 1.1..2 [2,2] in 0..1; [1] [] in 3..4;"
                                   "[0,3] [3]"});

Handle detail::minimum(const Handle& a, const Handle& b, Where where) { return record(minimum_rule, {a, b}, where); }

}  // namespace unspool
