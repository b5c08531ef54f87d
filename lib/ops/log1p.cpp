// op:    Var log1p(const Var& x)
// shape: y as x
// math:  y = ln(1 + x), exact for small x;  dx = dy / (1 + x)
// note:  y is -infinity at -1 and NaN below.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Log1p {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().log1p(a.y().size, a.x(0).data, a.y().data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(0), [](T dy, T x) { return dy / (T{1} + x); });
  }
};

}  // namespace

constinit const OpRule log1p_rule =
    make_rule<Log1p>({.name = "log1p",
                      .arity = 1,
                      .reads = Reads::inputs,
                      .samples = "[3,4] in -0.7..3; [1] in 40..60; [2,0,3]; [5] in -1e-6..1e-6; [] in 0.5..1"});

Handle detail::log1p(const Handle& x, Where where) { return record(log1p_rule, {x}, where); }

}  // namespace unspool
