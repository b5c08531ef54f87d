// op:    Var detach(const Var& x)
// shape: y as x
// math:  y = x;  no gradient: nothing flows back through y
// note:  Cuts the history at a window of truncated backpropagation through time. The numbers are copied.
#include <algorithm>

#include "ops/op.hpp"

namespace unspool {
namespace {

// No backward: the tape severs the gradient here. A view would save one copy a window and cannot sever: its gradient
// is a part of its root's.
struct Detach {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    std::copy_n(a.x(0).data, a.y().size, a.y().data);
  }
};

}  // namespace

constinit const OpRule detach_rule = make_rule<Detach>(
    {.name = "detach", .arity = 1, .reads = Reads::neither, .samples = "[3,4]; [1] in 4..6; [2,0,3]; []"});

Handle detail::detach(const Handle& x, Where where) { return record(detach_rule, {x}, where); }

}  // namespace unspool
