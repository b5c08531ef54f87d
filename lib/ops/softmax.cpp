// op:    Var softmax(const Var& x, int axis = -1)
// shape: y as x
// math:  y = exp(x - m) / sum of exp(x - m) along the axis, m the largest x;  dx = y * (dy - sum of dy * y)
// note:  NaN where every x along the axis is -inf, as in PyTorch: a fully masked row has no distribution.
#include "ops/softmax_columns.hpp"

namespace unspool {
namespace {

struct Softmax {
  static constexpr bool slab_in_forward = false;
  static constexpr auto rows = [](const auto& k) { return k.softmax; };
  static constexpr auto rows_grad = [](const auto& k) { return k.softmax_grad; };
  template <class Kernels, class T>
  static void slab(const Kernels& k, std::int64_t extent, std::int64_t after, const T* x, T* y, T* scratch) {
    subtract_column_max(extent, after, x, y, scratch);
    k.exp(extent * after, y, y);
    column_sums(extent, after, y, scratch);
    for (std::int64_t e = 0; e < extent; ++e) k.div(after, y + e * after, scratch, y + e * after);
  }
  template <class Kernels, class T>
  static void slab_grad(const Kernels& k, std::int64_t extent, std::int64_t after, const T* dy, const T* y, T* dx,
                        bool add, T* scratch) {
    T* const dot = scratch;
    T* const product = scratch + after;
    k.mul(extent * after, dy, y, product);
    column_sums(extent, after, product, dot);
    for (std::int64_t e = 0; e < extent; ++e) k.sub(after, dy + e * after, dot, product + e * after);
    k.mul_grad(extent * after, product, y, dx, add);
  }
};

}  // namespace

constinit const OpRule softmax_rule = make_rule<AlongAxis<Softmax>>(
    {.name = "softmax", .arity = 1, .reads = Reads::output, .attrs = "axis:int", .samples = along_axis_samples});

Handle detail::softmax(const Handle& x, int axis, Where where) { return record(softmax_rule, {x}, Attrs(axis), where); }

}  // namespace unspool
