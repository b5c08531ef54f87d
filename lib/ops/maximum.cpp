// op:    Var maximum(const Var& a, const Var& b)
// shape: y as a and b broadcast together
// math:  y = max(a, b);  da = dy where a > b, half of dy where they are equal, else 0; db likewise
// note:  NaN where either is NaN; both then receive dy. Gradients are summed over the axes they were broadcast along.
#include "ops/extremum.hpp"

namespace unspool {

constinit const OpRule maximum_rule = make_rule<PairExtremum<std::greater<>>>(
    {.name = "maximum", .arity = 2, .reads = Reads::inputs, .samples = pair_extremum_samples});

Handle detail::maximum(const Handle& a, const Handle& b, Where where) { return record(maximum_rule, {a, b}, where); }

}  // namespace unspool
