// op:    Var expm1(const Var& x)
// shape: y as x
// math:  y = e^x - 1, exact for small x;  dx = dy * (y + 1)
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Expm1 {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    kernels::kernel_table<T>().expm1(a.y().size, a.x(0).data, a.y().data);
  }
  // Far below 0, y rounds to -1 and the slope to 0 (in double beyond -37, true value below 1e-16). Accepted,
  // as for tanh.
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.y(), [](T dy, T y) { return dy * (y + T{1}); });
  }
};

}  // namespace

constinit const OpRule expm1_rule =
    make_rule<Expm1>({.name = "expm1",
                      .arity = 1,
                      .reads = Reads::output,
                      .samples = "[3,4]; [1] in 4..6; [5] in -1e-6..1e-6; [2,0,3]; []"});

Handle detail::expm1(const Handle& x, Where where) { return record(expm1_rule, {x}, where); }

}  // namespace unspool
