// op:    Var sub(const Var& a, const Var& b)
// shape: y as a and b broadcast together
// math:  y = a - b;  da = dy, db = -dy, each summed over the axes it was broadcast along
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Sub {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto x0 = a.x(0), x1 = a.x(1);
    if (x0.size == a.y().size && x1.size == a.y().size)
      kernels::kernel_table<T>().sub(a.y().size, x0.data, x1.data, a.y().data);
    else
      map(x0, x1, a.y(), [](T u, T v) { return u - v; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add(a.dy());
    a.dx(1).add_map(a.dy(), [](T dy) { return -dy; });
  }
};

}  // namespace

constinit const OpRule sub_rule =
    make_rule<Sub>({.name = "sub",
                    .arity = 2,
                    .reads = Reads::neither,
                    .samples = "[3,4] [3,4]; [3,4] [4]; [2,1,3] [4,1]; [] [2,2]; [0,3] [3]"});

Handle detail::sub(const Handle& a, const Handle& b, Where where) { return record(sub_rule, {a, b}, where); }

}  // namespace unspool
