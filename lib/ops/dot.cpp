// op:    Var dot(const Var& a, const Var& b)
// shape: a [n], b [n]; y []
// math:  y = sum_i a_i b_i;  da = dy b, db = dy a
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Dot {
  static Shape infer(const InferArgs& a) {
    reject_unless(a, a.shape(0).rank() == 1 && a.shape(0) == a.shape(1), ErrorCode::shape_mismatch,
                  "both operands must have one axis of the same extent");
    return {};
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 2 * a.shape(0).size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    a.y()[0] = kernels::kernel_table<T>().dot(a.x(0).size, a.x(0).data, a.x(1).data);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const T dy = a.dy()[0];
    for (int i = 0; i < 2; ++i) {
      const View<const T> other = a.x(1 - i);
      bool first;
      if (T* dx = a.dx(i).touch(first)) kernels::kernel_table<T>().scale_grad(other.size, other.data, dy, dx, !first);
    }
  }
};

}  // namespace

constinit const OpRule dot_rule = make_rule<Dot>(
    {.name = "dot", .arity = 2, .reads = Reads::inputs, .samples = "[5] [5]; [1] [1]; [0] [0]; [37] [37]"});

Handle detail::dot(const Handle& a, const Handle& b, Where where) { return record(dot_rule, {a, b}, where); }

}  // namespace unspool
