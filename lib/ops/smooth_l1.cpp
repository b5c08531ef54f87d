// op:    Var smooth_l1(const Var& x, const Var& target, double beta = 1, Reduction reduction = Reduction::mean)
// shape: target as x; y as x for Reduction::none, else a scalar
// math:  d = x - target, y = mean, sum or each of d^2 / (2 beta) where |d| < beta, else |d| - beta / 2;
//        dx = dy * (d / beta where |d| < beta, else sign(d)) (/ n for the mean), dtarget = -dx
// note:  beta = 0 is the absolute difference, with gradient 0 where x equals target. Shapes must be equal: PyTorch
//        broadcasts here, with a warning.
#include "ops/loss.hpp"

namespace unspool {
namespace {

template <class T>
T slope(T d, T beta) {
  if (maths::abs(d) < beta) return d / beta;
  return static_cast<T>((d > 0) - (d < 0)) + (d - d);  // a NaN stays one
}

struct SmoothL1 {
  static Shape infer(const InferArgs& a) {
    reject_unless(a, a.real(1) >= 0, ErrorCode::bad_argument, "beta must not be negative; given {}", a.real(1));
    return loss_shape(a);
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 4 * a.shape(0).size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const T *x = a.x(0).data, *t = a.x(1).data, beta = static_cast<T>(a.real(1));
    reduce_loss(a, [&](std::int64_t i, std::int64_t n, T* loss) {
      for (std::int64_t j = 0; j < n; ++j) {
        const T d = maths::abs(x[i + j] - t[i + j]);
        loss[j] = d < beta ? T(0.5) * d * d / beta : d - T(0.5) * beta;
      }
    });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const T *x = a.x(0).data, *t = a.x(1).data, beta = static_cast<T>(a.real(1));
    add_loss_gradient(a, 0, [&](std::int64_t i) { return slope(x[i] - t[i], beta); });
    add_loss_gradient(a, 1, [&](std::int64_t i) { return slope(t[i] - x[i], beta); });
  }
};

}  // namespace

constinit const OpRule smooth_l1_rule = make_rule<SmoothL1>(
    {.name = "smooth_l1",
     .arity = 2,
     .reads = Reads::inputs,
     .attrs = "reduction:int, beta:real",
     .samples = "[3,4] in 0..0.4 [3,4] in -0.4..0 reduction=0 beta=1; [3,4] in 1..3 [3,4] in -2..-1 reduction=1 beta=1;"
                "[2,3] in 0..0.4 [2,3] in 3..4 reduction=2 beta=0.5; [2,1] in 1..2 [2,1]! in -2..0 reduction=0 beta=0;"
                "[0,3] [0,3] reduction=1 beta=1; [] in 0..1 [] in -0.9..0 reduction=0 beta=2"});

Handle detail::smooth_l1(const Handle& x, const Handle& target, double beta, Reduction reduction, Where where) {
  return record(smooth_l1_rule, {x, target}, Attrs(static_cast<int>(reduction), beta), where);
}

}  // namespace unspool
