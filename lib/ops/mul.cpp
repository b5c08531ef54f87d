// op:    Var mul(const Var& a, const Var& b)
// shape: y as a and b broadcast together
// math:  y = a * b;  da = dy * b, db = dy * a, each summed over the axes it was broadcast along
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Mul {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto x0 = a.x(0), x1 = a.x(1);
    if (x0.size == a.y().size && x1.size == a.y().size)
      kernels::kernel_table<T>().mul(a.y().size, x0.data, x1.data, a.y().data);
    else
      map(x0, x1, a.y(), [](T u, T v) { return u * v; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    add_share(a, 0, a.x(1));
    add_share(a, 1, a.x(0));
  }

 private:
  template <class T>
  static void add_share(const BackwardArgs<T>& a, int factor, View<const T> other) {
    const View<const T> dy = a.dy();
    if (a.x(factor).size != dy.size || other.size != dy.size)
      return a.dx(factor).add_map(dy, other, [](T g, T v) { return g * v; });
    bool first;
    if (T* dx = a.dx(factor).touch(first))
      kernels::kernel_table<T>().mul_grad(dy.size, dy.data, other.data, dx, !first);
  }
};

}  // namespace

constinit const OpRule mul_rule =
    make_rule<Mul>({.name = "mul",
                    .arity = 2,
                    .reads = Reads::inputs,
                    .samples = "[3,4] [3,4]; [3,4] [4]; [2,1,3] [4,1]; [] [2,2]; [0,3] [3]"});

Handle detail::mul(const Handle& a, const Handle& b, Where where) { return record(mul_rule, {a, b}, where); }

}  // namespace unspool
