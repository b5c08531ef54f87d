// op:    Var binary_cross_entropy_with_logits(const Var& x, const Var& target, Reduction reduction = Reduction::mean)
// op:    Var binary_cross_entropy_with_logits(const Var& x, const Var& target, const Ids& mask, Reduction reduction = Reduction::mean)
// shape: x the logits, target as x, each 0..1; mask one number for each element, or for each row of x's first axes, 0
//        where it does not count; y as x for Reduction::none, else a scalar
// math:  s = sigmoid(x), y = mean, sum or each of -t log(s) - (1 - t) log(1 - s) with t the target;  dx = dy * (s - t),
//        dtarget = -dy * x (/ n for the mean)
// note:  Never overflows: computed as log(1 + exp(-|x|)) plus (1 - t) x for x > 0, -t x elsewhere. The target gets a
//        gradient too where one leads there, as in PyTorch. Shapes must be equal. What a mask leaves out has loss and
//        gradient exactly 0, even where it is NaN; the mean is then over what counts, and 0 where nothing does.
#include "base/check.hpp"
#include "ops/loss.hpp"

namespace unspool {
namespace {

// Which elements count. The mask has a number for each `width` neighbours; an empty one stands for none.
struct Mask {
  std::span<const std::int64_t> rows;
  std::int64_t width = 0;
  std::int64_t counted = 0;

  template <class Args>
  explicit Mask(const Args& a) : rows(a.list(1)), counted(a.x(0).size) {
    if (rows.empty()) return;
    width = counted / static_cast<std::int64_t>(rows.size());
    counted = width * std::count_if(rows.begin(), rows.end(), [](std::int64_t m) { return m != 0; });
  }
  bool counts(std::int64_t i) const { return rows.empty() || rows[static_cast<std::size_t>(i / width)] != 0; }
  /// Sets to 0 those of `values`, for elements i .. i + n - 1, that do not count.
  template <class T>
  void apply(std::int64_t i, std::int64_t n, T* values) const {
    for (std::int64_t j = 0; !rows.empty() && j < n; ++j)
      if (!counts(i + j)) values[j] = 0;
  }
};

void check_mask(const InferArgs& a) {
  const Shape x = a.shape(0);
  const auto given = static_cast<std::int64_t>(a.list(1).size());
  std::int64_t rows = 1;
  bool fits = given == 0 || given == rows;
  for (const std::int64_t extent : x.extents()) fits = fits || given == (rows *= extent);
  reject_unless(
      a, fits, ErrorCode::shape_mismatch,
      "the mask must have a number for each element or for each row of the first axes; {} elements, {} in the "
      "mask",
      x.size(), given);
}

struct BinaryCrossEntropy {
  static Shape infer(const InferArgs& a) {
    check_mask(a);
    return loss_shape(a);
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 5 * a.shape(0).size(); }
  // Neither softplus(x) - t x nor (1 - t) x + softplus(-x): each cancels on one side, and a confident right answer
  // would then cost exactly 0 in float from |x| ~ 17 on.
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto& k = kernels::kernel_table<T>();
    const T *x = a.x(0).data, *t = a.x(1).data;
    const Mask mask(a);
    const auto block = [&](std::int64_t i, std::int64_t n, T* loss) {
      for (std::int64_t j = 0; j < n; ++j) loss[j] = x[i + j] > 0 ? -x[i + j] : x[i + j];
      k.softplus(n, loss, loss);
      for (std::int64_t j = 0; j < n; ++j) {
        const T logit = x[i + j];
        loss[j] += ((logit > 0 ? T(1) : T(0)) - t[i + j]) * logit;
      }
      mask.apply(i, n, loss);
    };
    reduce_loss(a, block, divisor(mask));
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> x = a.x(0), t = a.x(1);
    const Mask mask(a);
    if (a.needs(0)) {
      T* const s = a.temporary(x.size);
      kernels::kernel_table<T>().sigmoid(x.size, x.data, s);
      const auto slope = [&](std::int64_t i) { return mask.counts(i) ? s[i] - t[i] : T(0); };
      add_loss_gradient(a, 0, slope, divisor(mask));
    }
    const auto slope = [&](std::int64_t i) { return mask.counts(i) ? -x[i] : T(0); };
    add_loss_gradient(a, 1, slope, divisor(mask));
  }

 private:
  // Without a mask the mean of nothing is 0 / 0, as PyTorch has it.
  static std::int64_t divisor(const Mask& mask) {
    return mask.rows.empty() ? mask.counted : std::max<std::int64_t>(1, mask.counted);
  }
};

}  // namespace

constinit const OpRule binary_cross_entropy_with_logits_rule = make_rule<BinaryCrossEntropy>(
    {.name = "binary_cross_entropy_with_logits",
     .arity = 2,
     .reads = Reads::inputs,
     .attrs = "reduction:int, mask:list",
     .samples = "[3,4] [3,4] in 0..1 reduction=0 mask=[]; [3,4] in -9..9 [3,4]! in 0..1 reduction=1 mask=[];"
                "[2,3] [2,3] in 0..1 reduction=2 mask=[]; [2,1] in 20..30 [2,1] in 0..1 reduction=1 mask=[];"
                "[0,3] [0,3] reduction=1 mask=[]; [] [] in 0..1 reduction=0 mask=[]; [2,3] [2,3] in 0..1 reduction=0 "
                "mask=[0,1];"
                "[2,2] [2,2] in 0..1 reduction=2 mask=[1,0,0,1]; [2,2,2] [2,2,2]! in 0..1 reduction=1 mask=[0,1,1,1];"
                "[3,1] [3,1] in 0..1 reduction=0 mask=[0,0,0]"});

Handle detail::binary_cross_entropy_with_logits(const Handle& x, const Handle& target, Reduction reduction,
                                                Where where) {
  return record(binary_cross_entropy_with_logits_rule, {x, target}, Attrs(static_cast<int>(reduction)), where);
}

Handle detail::binary_cross_entropy_with_logits(const Handle& x, const Handle& target, const Ids& mask,
                                                Reduction reduction, Where where) {
  // An empty mask for an x without elements counts nothing: it must not be taken for no mask at all.
  if (mask.size() == 0 && reduction == Reduction::mean) reduction = Reduction::sum;
  require(mask.size() > 0 || shape_of(x).empty(), ErrorCode::shape_mismatch, "binary_cross_entropy_with_logits",
          "the mask must have a number for each element or for each row of the first axes; it is empty");
  return record(binary_cross_entropy_with_logits_rule, {x, target}, Attrs(static_cast<int>(reduction)).with(mask),
                where);
}

}  // namespace unspool
