// op:    Var softmax(const Var& x, int axis = -1)
// shape: y as x
// math:  y = exp(x - m) / sum of exp(x - m) along the axis, m the largest x;  dx = y * (dy - sum of dy * y)
// note:  NaN where every x along the axis is -inf, as in PyTorch: a fully masked row has no distribution.
#include "ops/softmax_columns.hpp"

namespace unspool {
namespace {

struct Softmax {
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
    if (v.after == 1) return k.softmax(v.before, v.extent, x.data, a.y().data);
    T* const scratch = a.temporary(v.after);
    const std::int64_t each = v.extent * v.after;
    for (std::int64_t b = 0; b < v.before; ++b) {
      T* const y = a.y().data + b * each;
      subtract_column_max(v.extent, v.after, x.data + b * each, y, scratch);
      k.exp(each, y, y);
      column_sums(v.extent, v.after, y, scratch);
      for (std::int64_t e = 0; e < v.extent; ++e) k.div(v.after, y + e * v.after, scratch, y + e * v.after);
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
    if (v.after == 1) return k.softmax_grad(v.before, v.extent, dy.data, y.data, dx, !first);
    const std::int64_t each = v.extent * v.after;
    T* const product = a.temporary(each);
    T* const dot = a.temporary(v.after);
    for (std::int64_t b = 0; b < v.before; ++b) {
      const std::int64_t at = b * each;
      k.mul(each, dy.data + at, y.data + at, product);
      column_sums(v.extent, v.after, product, dot);
      for (std::int64_t e = 0; e < v.extent; ++e)
        k.sub(v.after, dy.data + at + e * v.after, dot, product + e * v.after);
      k.mul_grad(each, product, y.data + at, dx + at, !first);
    }
  }
};

}  // namespace

constinit const OpRule softmax_rule = make_rule<Softmax>(
    {.name = "softmax",
     .arity = 1,
     .reads = Reads::output,
     .attrs = "axis:int",
     .samples = "[3,4] axis=-1; [3,4] axis=0; [2,3,4] axis=1; [2,17] in -9..9 axis=1; [3,1] axis=1; [5] axis=0;"
                "[0,3] axis=1; [3,0] axis=1; [0,3] axis=0"});

Handle detail::softmax(const Handle& x, int axis, Where where) { return record(softmax_rule, {x}, Attrs(axis), where); }

}  // namespace unspool
