// op:    Var masked_fill(const Var& x, const Var& mask, double value)
// shape: y as x and mask broadcast together
// math:  y = value where mask is not 0, else x;  dx = 0 where mask is not 0, else dy, summed over broadcast axes
// note:  The mask receives no gradient. What is filled over has no influence, not even a NaN.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct MaskedFill {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T value = static_cast<T>(a.real(0));
    map(a.x(0), a.x(1), a.y(), [value](T x, T m) { return m != T{0} ? value : x; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(1), [](T dy, T m) { return m != T{0} ? T{0} : dy; });
  }
};

}  // namespace

constinit const OpRule masked_fill_rule = make_rule<MaskedFill>(
    {.name = "masked_fill",
     .arity = 2,
     .reads = Reads::inputs,
     .attrs = "value:real",
     .samples = "[3,4] [3,4]! in 0..0 value=0.5; [3,4] [3,4]! in 1..1 value=0.5; [3,4] [4]! in 0..0 value=-3;"
                "[4] [3,1]! in 0..0 value=-3; [] [2,2]! in 0..0 value=1; [0,3] [3]! value=1; [1] []! in 1..1 value=1"});

Handle detail::masked_fill(const Handle& x, const Handle& mask, double value, Where where) {
  return record(masked_fill_rule, {x, mask}, Attrs(value), where);
}

}  // namespace unspool
