// op:    Var masked_softmax(const Var& x, const Var& mask)
// shape: y as x; the mask broadcasts to it
// math:  along the last axis, y = exp(x) / sum of exp(x) over where the mask is not 0, and y = 0 elsewhere;
//        dx = y * (dy - sum of dy * y)
// note:  Where a whole row is masked, y is 0: nothing to attend to. The mask receives no gradient, and what x holds where
//        it is 0 has no influence, not even a NaN.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct MaskedSoftmax {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    Shape both;
    reject_unless(a, x.rank() >= 1, ErrorCode::shape_mismatch, "x needs an axis");
    reject_unless(a, broadcast(x, a.shape(1), both) && both == x, ErrorCode::shape_mismatch,
                  "the mask must broadcast to the shape of x");
    return x;
  }
  static std::int64_t flops(const InferArgs&, const Shape& y) { return 4 * y.size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<T> y = a.y();
    const std::int64_t columns = y.extent(-1);
    map(a.x(0), a.x(1), y, [](T x, T m) { return m != T{0} ? x : static_cast<T>(-HUGE_VAL); });
    if (columns > 0) kernels::kernel_table<T>().softmax(y.rows(), columns, y.data, y.data);
    map(View<const T>(y), a.x(1), y, [](T p, T m) { return m != T{0} ? p : T{0}; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> dy = a.dy(), y = a.y();
    const std::int64_t columns = y.extent(-1);
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx != nullptr && columns > 0)
      kernels::kernel_table<T>().softmax_grad(y.rows(), columns, dy.data, y.data, dx, !first);
  }
};

}  // namespace

constinit const OpRule masked_softmax_rule = make_rule<MaskedSoftmax>(
    {.name = "masked_softmax",
     .arity = 2,
     .reads = Reads::output,
     .samples = "[3,4] [3,4]! in 1..2; [3,4] [3,4]! in 0..0; [2,3,17] in -9..9 [2,1,17]! in 1..1; [3,4] [4]! in 1..1;"
                "[5] []! in 1..1; [3,1] [3,1]! in 1..1; [0,3] [0,3]!; [3,0] [3,0]!"});

Handle detail::masked_softmax(const Handle& x, const Handle& mask, Where where) {
  return record(masked_softmax_rule, {x, mask}, {}, where);
}

}  // namespace unspool
