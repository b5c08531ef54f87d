// op:    Var where(const Var& condition, const Var& a, const Var& b)
// shape: y as condition, a and b broadcast together
// math:  y = a where condition is not 0, else b;  da = dy where chosen, else 0; db likewise, summed over broadcast axes
// note:  The condition receives no gradient. What is not chosen has no influence, not even a NaN.
//        A NaN condition is true.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Choose {
  static Shape infer(const InferArgs& a) {
    Shape values, result;
    if (!broadcast(a.shape(1), a.shape(2), values) || !broadcast(a.shape(0), values, result))
      a.fail(ErrorCode::shape_mismatch, "condition, a and b must broadcast");
    return result;
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    map(a.x(0), a.x(1), a.x(2), a.y(), [](T c, T u, T v) { return c != T{0} ? u : v; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(1).add_map(a.dy(), a.x(0), [](T dy, T c) { return c != T{0} ? dy : T{0}; });
    a.dx(2).add_map(a.dy(), a.x(0), [](T dy, T c) { return c != T{0} ? T{0} : dy; });
  }
};

}  // namespace

constinit const OpRule where_rule = make_rule<Choose>(
    {.name = "where",
     .arity = 3,
     .reads = Reads::inputs,
     .samples = "[3,4]! in 1..1 [3,4] [3,4]; [3,4]! in 0..0 [3,4] [3,4]; [4]! in 1..1 [3,1] [4];"
                "[3,1]! in 0..0 [] [2,1,4]; []! in 0..0 [2,2] [2,2]; [0,3]! [3] [1,3]; []! in 1..1 [] []"});

Handle detail::where(const Handle& condition, const Handle& a, const Handle& b, Where where) {
  return record(where_rule, {condition, a, b}, where);
}

}  // namespace unspool
