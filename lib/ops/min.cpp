// op:    Var min(const Var& x, const Axes& axes = {}, bool keepdims = false)
// shape: y as x without the reduced axes, or, with keepdims, with extent 1 there; no axes: all of them
// math:  y = the smallest x along the axes, NaN if one is;  dx = dy / k at each of the k elements that equal y, or 0
// note:  Ties share the gradient evenly, as torch.amin has it. An empty reduced axis is rejected with bad_shape.
#include "ops/extremum.hpp"

namespace unspool {

constinit const OpRule min_rule = make_rule<Extremum<std::less<>>>({.name = "min",
                                                                    .arity = 1,
                                                                    .reads = Reads::both,
                                                                    .attrs = "keepdims:bool, axes:list",
                                                                    .samples = extremum_samples});

Handle detail::min(const Handle& x, const Axes& axes, bool keepdims, Where where) {
  return record(min_rule, {x}, Attrs(keepdims).with(axis_ids(axes)), where);
}

}  // namespace unspool
