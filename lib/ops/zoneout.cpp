// op:    Var zoneout(const Var& x, const Var& previous, double p)
// shape: x and previous of one shape; y as x
// math:  y = previous with probability p, else x, for each element;  dprevious = dy where it was taken, dx = dy
//        elsewhere
// note:  For training (Krueger et al., ICLR 2017); when evaluating, take the mean p previous + (1 - p) x instead.
#include "ops/random_mask.hpp"

namespace unspool {
namespace {

struct Zoneout {
  static Shape infer(const InferArgs& a) {
    check_probability(a);
    reject_unless(a, a.shape(0) == a.shape(1), ErrorCode::shape_mismatch, "x and previous must have one shape");
    return a.shape(0);
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T *const x = a.x(0).data, *const previous = a.x(1).data;
    T* const y = a.y().data;
    RandomMask(a).each(0, a.y().size, [&](std::int64_t i, bool kept) { y[i] = kept ? previous[i] : x[i]; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    for (int operand = 0; operand < 2; ++operand) {
      bool first;
      T* const dx = a.dx(operand).touch(first);
      if (dx == nullptr) continue;
      const View<const T> dy = a.dy();
      RandomMask(a).each(0, dy.size, [&](std::int64_t i, bool kept) {
        const T share = kept == (operand == 1) ? dy[i] : T{0};
        dx[i] = first ? share : dx[i] + share;
      });
    }
  }
};

}  // namespace

constinit const OpRule zoneout_rule =
    make_rule<Zoneout>({.name = "zoneout",
                        .arity = 2,
                        .reads = Reads::neither,
                        .attrs = "p:real, seed:int, draw:int",
                        .samples = "[3,4] [3,4] p=0.5 seed=7 draw=0; [5,30] [5,30] p=0.2 seed=7 draw=3;"
                                   "[3,4] [3,4] p=0 seed=1 draw=0; [3,4] [3,4] p=1 seed=1 draw=0;"
                                   "[2,0,3] [2,0,3] p=0.5 seed=1 draw=0; [1] [1] p=0.5 seed=1 draw=2;"
                                   "[] [] p=0.25 seed=1 draw=1"});

Handle detail::zoneout(const Handle& x, const Handle& previous, double p, Where where) {
  return record(zoneout_rule, {x, previous}, mask_attrs(x, p), where);
}

}  // namespace unspool
