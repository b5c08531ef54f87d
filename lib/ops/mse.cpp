// op:    Var mse(const Var& x, const Var& target, Reduction reduction = Reduction::mean)
// shape: target as x; y as x for Reduction::none, else a scalar
// math:  y = mean, sum or each of (x - target)^2;  dx = 2 (x - target) dy (/ n for the mean), dtarget = -dx
// note:  Shapes must be equal: PyTorch broadcasts here, with a warning.
#include "ops/loss.hpp"

namespace unspool {
namespace {

struct Mse {
  static Shape infer(const InferArgs& a) { return loss_shape(a); }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 3 * a.shape(0).size(); }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto& k = kernels::kernel_table<T>();
    const T *x = a.x(0).data, *t = a.x(1).data;
    reduce_loss(a, [&](std::int64_t i, std::int64_t n, T* loss) {
      k.sub(n, x + i, t + i, loss);
      k.square(n, loss, loss);
    });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const T *x = a.x(0).data, *t = a.x(1).data;
    add_loss_gradient(a, 0, [&](std::int64_t i) { return 2 * (x[i] - t[i]); });
    add_loss_gradient(a, 1, [&](std::int64_t i) { return 2 * (t[i] - x[i]); });
  }
};

}  // namespace

constinit const OpRule mse_rule = make_rule<Mse>(
    {.name = "mse",
     .arity = 2,
     .reads = Reads::inputs,
     .attrs = "reduction:int",
     .samples = "[3,4] [3,4] reduction=0; [3,4] [3,4] reduction=1; [2,3] [2,3] reduction=2; [2,1] [2,1]! reduction=0;"
                "[0,3] [0,3] reduction=1; [] [] reduction=0"});

Handle detail::mse(const Handle& x, const Handle& target, Reduction reduction, Where where) {
  return record(mse_rule, {x, target}, Attrs(static_cast<int>(reduction)), where);
}

}  // namespace unspool
