// op:    Var log_softmax(const Var& x, int axis = -1)
// shape: y as x
// math:  y = (x - m) - log(sum of exp(x - m)) along the axis, m the largest x;  dx = dy - exp(y) * sum of dy
// note:  NaN where every x along the axis is -inf, as in PyTorch: a fully masked row has no distribution.
#include "ops/softmax_columns.hpp"

namespace unspool {
namespace {

struct LogSoftmax {
  static constexpr bool slab_in_forward = true;
  static constexpr auto rows = [](const auto& k) { return k.log_softmax; };
  static constexpr auto rows_grad = [](const auto& k) { return k.log_softmax_grad; };
  template <class Kernels, class T>
  static void slab(const Kernels& k, std::int64_t extent, std::int64_t after, const T* x, T* y, T* scratch) {
    T* const sums = scratch;
    T* const exps = scratch + after;
    subtract_column_max(extent, after, x, y, sums);
    k.exp(extent * after, y, exps);
    column_sums(extent, after, exps, sums);
    k.log(after, sums, sums);
    for (std::int64_t e = 0; e < extent; ++e) k.sub(after, y + e * after, sums, y + e * after);
  }
  template <class Kernels, class T>
  static void slab_grad(const Kernels& k, std::int64_t extent, std::int64_t after, const T* dy, const T* y, T* dx,
                        bool add, T* scratch) {
    T* const sums = scratch;
    T* const p = scratch + after;
    column_sums(extent, after, dy, sums);
    k.exp(extent * after, y, p);
    for (std::int64_t e = 0; e < extent; ++e) k.mul(after, p + e * after, sums, p + e * after);
    k.sub(extent * after, dy, p, p);
    k.copy_grad(extent * after, p, dx, add);
  }
};

}  // namespace

constinit const OpRule log_softmax_rule = make_rule<AlongAxis<LogSoftmax>>(
    {.name = "log_softmax", .arity = 1, .reads = Reads::output, .attrs = "axis:int", .samples = along_axis_samples});

Handle detail::log_softmax(const Handle& x, int axis, Where where) {
  return record(log_softmax_rule, {x}, Attrs(axis), where);
}

}  // namespace unspool
