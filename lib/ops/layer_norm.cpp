// op:    Var layer_norm(const Var& x, double eps = 1e-5)
// op:    Var layer_norm(const Var& x, const Var& weight, const Var& bias, double eps = 1e-5)
// shape: y as x, which has D numbers on its last axis; weight [D], bias [D]
// math:  n = (x - mean) / sqrt(var + eps) along the last axis (var over D, not D - 1), y = n * weight + bias;
//        with g = dy * weight: dx = (g - mean(g) - n * mean(g * n)) / sqrt(var + eps), dweight = sum of dy * n,
//        dbias = sum of dy
#include "ops/op.hpp"

namespace unspool {
namespace {

/// h = (x - mean) / deviation. The mean goes first: scaling first would lose the digits of a row far from 0.
template <class T>
void normalize_row(std::int64_t D, const T* x, T mean, T inverse, T* h) {
  const auto& k = kernels::kernel_table<T>();
  k.axpb(D, 1, x, -mean, h);
  k.axpb(D, inverse, h, 0, h);
}

struct LayerNorm {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    reject_unless(a, a.arity() == 1 || a.arity() == 3, ErrorCode::bad_argument,
                  "takes x alone or x, weight and bias; given {} operands", a.arity());
    reject_unless(a, x.rank() >= 1, ErrorCode::shape_mismatch, "operand needs one axis or more");
    for (int i = 1; i < a.arity(); ++i)
      reject_unless(a, a.shape(i) == Shape{x[-1]}, ErrorCode::shape_mismatch, "{} must be [{}]; given {}",
                    i == 1 ? "weight" : "bias", x[-1], a.shape(i));
    reject_unless(a, a.real(0) >= 0, ErrorCode::bad_argument, "eps must not be negative; given {}", a.real(0));
    return x;
  }
  static std::int64_t saved(const InferArgs& a, const Shape& y) {  // mean and 1 / deviation of each row
    return y.empty() ? 0 : 2 * (y.size() / a.shape(0)[-1]);
  }
  static std::int64_t flops(const InferArgs&, const Shape& y) { return 8 * y.size(); }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> x = a.x(0);
    const View<T> y = a.y();
    if (y.size == 0) return;
    const std::int64_t D = x.extent(-1), rows = x.rows();
    const auto& k = kernels::kernel_table<T>();
    for (std::int64_t r = 0; r < rows; ++r) {
      T* const out = y.data + r * D;
      const T mean = k.sum(D, x.data + r * D) / static_cast<T>(D);
      k.axpb(D, 1, x.data + r * D, -mean, out);
      const T inverse = 1 / maths::sqrt(k.sum_squares(D, out) / static_cast<T>(D) + static_cast<T>(a.real(0)));
      k.axpb(D, inverse, out, 0, out);
      a.saved()[2 * r] = mean;
      a.saved()[2 * r + 1] = inverse;
    }
    if (a.arity() == 1) return;
    k.mul_rows(rows, D, y.data, a.x(1).data, y.data);
    k.add_rows(rows, D, y.data, a.x(2).data, y.data);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> x = a.x(0), dy = a.dy();
    if (a.arity() == 3) a.dx(2).add(dy);
    if (a.arity() == 3 && a.needs(1)) add_weight_gradient(a);
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx == nullptr || x.size == 0) return;
    const std::int64_t D = x.extent(-1);
    const auto& k = kernels::kernel_table<T>();
    T* const h = a.temporary(D);
    T* const scaled = a.temporary(D);
    for (std::int64_t r = 0; r < x.rows(); ++r) {
      const T inverse = a.saved()[2 * r + 1];
      normalize_row(D, x.data + r * D, a.saved()[2 * r], inverse, h);
      const T* g = dy.data + r * D;
      if (a.arity() == 3) {
        k.mul(D, g, a.x(1).data, scaled);
        g = scaled;
      }
      const T mean_g = k.sum(D, g) / static_cast<T>(D), mean_gh = k.dot(D, g, h) / static_cast<T>(D);
      k.axpb(D, -mean_gh, h, -mean_g, h);
      k.add(D, g, h, h);
      k.scale_grad(D, h, inverse, dx + r * D, !first);
    }
  }

 private:
  // As rows whose columns are summed, so that a weight shared by many steps is summed once for all of them.
  template <class T>
  static void add_weight_gradient(const BackwardArgs<T>& a) {
    const View<const T> x = a.x(0), dy = a.dy();
    if (x.size == 0) {
      a.dx(1).accumulator();
      return;
    }
    const std::int64_t D = x.extent(-1);
    T* const rows = a.temporary(x.size);
    for (std::int64_t r = 0; r < x.rows(); ++r)
      normalize_row(D, x.data + r * D, a.saved()[2 * r], a.saved()[2 * r + 1], rows + r * D);
    kernels::kernel_table<T>().mul(x.size, dy.data, rows, rows);
    a.dx(1).add_columns({rows, x.extents, x.size, x.rank, owner_temporary});
  }
};

}  // namespace

constinit const OpRule layer_norm_rule = make_rule<LayerNorm>(
    {.name = "layer_norm",
     .arity = -1,
     .reads = Reads::inputs,
     .attrs = "eps:real",
     .samples =
         "[3,4] eps=1e-5; [3,4] [4] [4] eps=1e-5; [2,3,5] in 3..7 [5] in 0.5..2 [5] eps=0.1; [4] [4] [4] eps=1e-5;"
         "[2,1] [1] [1] eps=0.5; [0,3] [3] [3] eps=1e-5; [3,0] eps=1e-5; [2,19] eps=1e-3"});

Handle detail::layer_norm(const Handle& x, double eps, Where where) {
  return record(layer_norm_rule, {x}, Attrs(eps), where);
}

Handle detail::layer_norm(const Handle& x, const Handle& weight, const Handle& bias, double eps, Where where) {
  return record(layer_norm_rule, {x, weight, bias}, Attrs(eps), where);
}

}  // namespace unspool
