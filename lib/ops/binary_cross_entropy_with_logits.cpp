// op:    Var binary_cross_entropy_with_logits(const Var& x, const Var& target, Reduction reduction = Reduction::mean)
// shape: x the logits, target as x, each 0..1; y as x for Reduction::none, else a scalar
// math:  s = sigmoid(x), y = mean, sum or each of -t log(s) - (1 - t) log(1 - s) with t the target;  dx = dy * (s - t),
//        dtarget = -dy * x (/ n for the mean)
// note:  Never overflows: computed as log(1 + exp(-|x|)) plus (1 - t) x for x > 0, -t x elsewhere. The target gets a
//        gradient too where one leads there, as in PyTorch. Shapes must be equal.
#include "ops/loss.hpp"

namespace unspool {
namespace {

struct BinaryCrossEntropy {
  static Shape infer(const InferArgs& a) { return loss_shape(a); }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 5 * a.shape(0).size(); }
  // Neither softplus(x) - t x nor (1 - t) x + softplus(-x): each cancels on one side, and a confident right answer
  // would then cost exactly 0 in float from |x| ~ 17 on.
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto& k = kernels::kernel_table<T>();
    const T *x = a.x(0).data, *t = a.x(1).data;
    reduce_loss(a, [&](std::int64_t i, std::int64_t n, T* loss) {
      k.abs(n, x + i, loss);
      k.neg(n, loss, loss);
      k.softplus(n, loss, loss);
      for (std::int64_t j = 0; j < n; ++j) {
        const T logit = x[i + j];
        loss[j] += ((logit > 0 ? T(1) : T(0)) - t[i + j]) * logit;
      }
    });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> x = a.x(0), t = a.x(1);
    if (a.needs(0)) {
      T* const s = a.temporary(x.size);
      kernels::kernel_table<T>().sigmoid(x.size, x.data, s);
      add_loss_gradient(a, 0, [&](std::int64_t i) { return s[i] - t[i]; });
    }
    add_loss_gradient(a, 1, [&](std::int64_t i) { return -x[i]; });
  }
};

}  // namespace

constinit const OpRule binary_cross_entropy_with_logits_rule = make_rule<BinaryCrossEntropy>(
    {.name = "binary_cross_entropy_with_logits",
     .arity = 2,
     .reads = Reads::inputs,
     .attrs = "reduction:int",
     .samples =
         "[3,4] [3,4] in 0..1 reduction=0; [3,4] in -9..9 [3,4]! in 0..1 reduction=1; [2,3] [2,3] in 0..1 reduction=2;"
         "[2,1] in 20..30 [2,1] in 0..1 reduction=1; [0,3] [0,3] reduction=1; [] [] in 0..1 reduction=0"});

Handle detail::binary_cross_entropy_with_logits(const Handle& x, const Handle& target, Reduction reduction,
                                                Where where) {
  return record(binary_cross_entropy_with_logits_rule, {x, target}, Attrs(static_cast<int>(reduction)), where);
}

}  // namespace unspool
