// op:    Var dropout(const Var& x, double p)
// shape: y as x
// math:  y = x * m / (1 - p), m = 0 with probability p, else 1, for each element;  dx = dy * m / (1 - p)
// note:  For training: record nothing when evaluating. Each call draws another mask; the tape's seed and the order
//        of the calls decide them.
#include "ops/random_mask.hpp"

namespace unspool {
namespace {

struct Dropout {
  static Shape infer(const InferArgs& a) {
    check_probability(a);
    return a.shape(0);
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    RandomMask(a).drop(0, a.y().size, a.x(0).data, a.y().data, false);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx != nullptr) RandomMask(a).drop(0, a.dy().size, a.dy().data, dx, !first);
  }
};

}  // namespace

constinit const OpRule dropout_rule =
    make_rule<Dropout>({.name = "dropout",
                        .arity = 1,
                        .reads = Reads::neither,
                        .attrs = "p:real, seed:int, draw:int",
                        .samples = "[3,4] p=0.5 seed=7 draw=0; [5,30] p=0.2 seed=7 draw=3; [3,4] p=0 seed=1 draw=0;"
                                   "[3,4] p=1 seed=1 draw=0; [2,0,3] p=0.5 seed=1 draw=0; [1] p=0.5 seed=1 draw=2;"
                                   "[] p=0.25 seed=1 draw=1"});

Handle detail::dropout(const Handle& x, double p, Where where) {
  return record(dropout_rule, {x}, mask_attrs(x, p), where);
}

}  // namespace unspool
