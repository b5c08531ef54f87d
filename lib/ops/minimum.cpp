// op:    Var minimum(const Var& a, const Var& b)
// shape: y as a and b broadcast together
// math:  y = min(a, b);  da = dy where a < b, half of dy where they are equal, else 0; db likewise
// note:  NaN where either is NaN; both then receive dy. Gradients are summed over the axes they were broadcast along.
#include "ops/extremum.hpp"

namespace unspool {

constinit const OpRule minimum_rule = make_rule<PairExtremum<std::less<>>>(
    {.name = "minimum", .arity = 2, .reads = Reads::inputs, .samples = pair_extremum_samples});

Handle detail::minimum(const Handle& a, const Handle& b, Where where) { return record(minimum_rule, {a, b}, where); }

}  // namespace unspool
