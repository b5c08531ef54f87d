// op:    Var min(const Var& x, const Axes& axes = {}, bool keepdims = false)
// shape: y as x without the reduced axes, or, with keepdims, with extent 1 there; no axes: all of them
// math:  y = the smallest x along the axes, NaN if one is;  dx = dy / k at each of the k elements that equal y, or 0
// note:  Ties share the gradient evenly, as torch.amin has it. An empty reduced axis is rejected with bad_shape.
#include "ops/extremum.hpp"

namespace unspool {
namespace {

struct Beats {
  template <class T>
  constexpr bool operator()(T u, T v) const {
    return u < v;
  }
};

}  // namespace

constinit const OpRule min_rule = make_rule<Extremum<Beats>>(
    {.name = "min",
     .arity = 1,
     .reads = Reads::both,
     .attrs = "keepdims:bool, axes:list",
     .samples = "[3,4] keepdims=0 axes=[]; [3,4] keepdims=0 axes=[0]; [3,4] keepdims=1 axes=[-1];"
                "[2,3,4] keepdims=0 axes=[1]; [2,3,4] keepdims=1 axes=[0,2]; [0,3] keepdims=0 axes=[1];"
                "[1,1] keepdims=0 axes=[1]; [] keepdims=0 axes=[]"});

Handle detail::min(const Handle& x, const Axes& axes, bool keepdims, Where where) {
  return record(min_rule, {x}, Attrs(keepdims).with(axis_ids(axes)), where);
}

}  // namespace unspool
