// op:    Var outer(const Var& a, const Var& b)
// shape: a [m], b [n]; y [m,n]
// math:  y_ij = a_i b_j;  da = dy b, db = dy^T a
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Outer {
  static Shape infer(const InferArgs& a) {
    reject_unless(a, a.shape(0).rank() == 1 && a.shape(1).rank() == 1, ErrorCode::shape_mismatch,
                  "both operands must have one axis");
    return {a.shape(0)[0], a.shape(1)[0]};
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> u = a.x(0), v = a.x(1);
    T* y = a.y().data;
    for (std::int64_t i = 0; i < u.size; ++i)
      for (std::int64_t j = 0; j < v.size; ++j) y[i * v.size + j] = u[i] * v[j];
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> u = a.x(0), v = a.x(1), dy = a.dy();
    a.dx(0).add_product(false, false, u.size, 1, v.size, dy, v);
    a.dx(1).add_product(true, false, 1, v.size, u.size, u, dy);
  }
};

}  // namespace

constinit const OpRule outer_rule =
    make_rule<Outer>({.name = "outer",
                      .arity = 2,
                      .reads = Reads::inputs,
                      .samples = "[3] [4]; [3] [3]; [1] [5]; [1] [1]; [0] [3]; [2] [0]"});

Handle detail::outer(const Handle& a, const Handle& b, Where where) { return record(outer_rule, {a, b}, where); }

}  // namespace unspool
