// op:    Var clamp(const Var& x, double min, double max)
// shape: y as x
// math:  y = min(max(x, min), max);  dx = dy where min <= x <= max, else 0
// note:  The slope at both bounds is 1. An infinite bound leaves that side open. A NaN stays NaN and passes
//        no gradient.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Clamp {
  static Shape infer(const InferArgs& a) {
    const double min = a.real(0), max = a.real(1);
    reject_unless(a, min <= max, ErrorCode::bad_argument, "min must not exceed max; given {} and {}", min, max);
    return a.shape(0);
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T min = static_cast<T>(a.real(0)), max = static_cast<T>(a.real(1));
    map(a.x(0), a.y(), [min, max](T x) { return x < min ? min : x > max ? max : x; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const T min = static_cast<T>(a.real(0)), max = static_cast<T>(a.real(1));
    a.dx(0).add_map(a.dy(), a.x(0), [min, max](T dy, T x) { return x >= min && x <= max ? dy : T{0}; });
  }
};

}  // namespace

constinit const OpRule clamp_rule =
    make_rule<Clamp>({.name = "clamp",
                      .arity = 1,
                      .reads = Reads::inputs,
                      .attrs = "min:real, max:real",
                      .samples = "[3,4] in -0.9..0.9 min=-1 max=1; [3,4] in 1.1..2 min=-1 max=1;"
                                 "[3,4] in -2..-1.1 min=-1 max=1; [2,0,3] min=0 max=1; [1] in 4..6 min=5 max=5;"
                                 "[] in 0.2..0.8 min=0 max=1"});

Handle detail::clamp(const Handle& x, double min, double max, Where where) {
  return record(clamp_rule, {x}, Attrs(min, max), where);
}

}  // namespace unspool
