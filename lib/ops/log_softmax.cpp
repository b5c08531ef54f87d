// op:    Var log_softmax(const Var& x, int axis = -1)
// shape: y as x
// math:  y = (x - m) - log(sum of exp(x - m)) along the axis, m the largest x;  dx = dy - exp(y) * sum of dy
// note:  NaN where every x along the axis is -inf, as in PyTorch: a fully masked row has no distribution.
#include "ops/softmax_columns.hpp"

namespace unspool {
namespace {

struct LogSoftmax {
  static Shape infer(const InferArgs& a) {
    axis_of(a, 0);
    return a.shape(0);
  }
  static std::int64_t flops(const InferArgs&, const Shape& y) { return 4 * y.size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> x = a.x(0);
    const AxisView v = along(x.dims(), static_cast<int>(a.integer(0)));
    const auto& k = kernels::kernel_table<T>();
    if (v.after == 1) return k.log_softmax(v.before, v.extent, x.data, a.y().data);
    const std::int64_t each = v.extent * v.after;
    T* const exps = a.temporary(each);
    T* const scratch = a.temporary(v.after);
    for (std::int64_t b = 0; b < v.before; ++b) {
      T* const y = a.y().data + b * each;
      subtract_column_max(v.extent, v.after, x.data + b * each, y, scratch);
      k.exp(each, y, exps);
      column_sums(v.extent, v.after, exps, scratch);
      k.log(v.after, scratch, scratch);
      for (std::int64_t e = 0; e < v.extent; ++e) k.sub(v.after, y + e * v.after, scratch, y + e * v.after);
    }
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> dy = a.dy(), y = a.y();
    const AxisView v = along(y.dims(), static_cast<int>(a.integer(0)));
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx == nullptr) return;
    const auto& k = kernels::kernel_table<T>();
    if (v.after == 1) return k.log_softmax_grad(v.before, v.extent, dy.data, y.data, dx, !first);
    const std::int64_t each = v.extent * v.after;
    T* const p = a.temporary(each);
    T* const sums = a.temporary(v.after);
    for (std::int64_t b = 0; b < v.before; ++b) {
      const T* const d = dy.data + b * each;
      column_sums(v.extent, v.after, d, sums);
      k.exp(each, y.data + b * each, p);
      for (std::int64_t e = 0; e < v.extent; ++e) k.mul(v.after, p + e * v.after, sums, p + e * v.after);
      k.sub(each, d, p, p);
      k.copy_grad(each, p, dx + b * each, !first);
    }
  }
};

}  // namespace

constinit const OpRule log_softmax_rule = make_rule<LogSoftmax>(
    {.name = "log_softmax",
     .arity = 1,
     .reads = Reads::output,
     .attrs = "axis:int",
     .samples = "[3,4] axis=-1; [3,4] axis=0; [2,3,4] axis=1; [2,17] in -9..9 axis=1; [3,1] axis=1; [5] axis=0;"
                "[0,3] axis=1; [3,0] axis=1; [0,3] axis=0"});

Handle detail::log_softmax(const Handle& x, int axis, Where where) {
  return record(log_softmax_rule, {x}, Attrs(axis), where);
}

}  // namespace unspool
