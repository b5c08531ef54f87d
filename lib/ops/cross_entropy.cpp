// op:    Var cross_entropy(const Var& logits, const Ids& targets, CrossEntropyOptions options = {})
// op:    Var cross_entropy(const Var& logits, const Ids& targets, Reduction reduction)
// op:    Var cross_entropy(const Var& logits, const Ids& targets, const Var& weight, CrossEntropyOptions options = {})
// op:    Var cross_entropy(const Var& logits, const Ids& targets, const Ids& mask, CrossEntropyOptions options = {})
// shape: logits [..., C]; targets one class 0..C-1 for each row, or ignore_index; weight [C]; mask one number a row, 0
//        where the row does not count; y as logits without C for Reduction::none, else a scalar
// math:  l = -log_softmax(x), y_r = (1 - s) w_t l_t + s / C * sum of w_c l_c with t = targets[r],
//        s = label_smoothing, w = 1 where no weight is given; mean = sum of y_r / sum of w_t over the rows not ignored;
//        dx_c = dy * (((1 - s) w_t + s / C * sum of w) * softmax(x)_c - (1 - s) w_t [c = t] - s / C * w_c)
// note:  PyTorch's formulas, with the class axis last. Ignored rows have loss and gradient exactly 0; if all are
//        ignored the mean is NaN. The weight takes no gradient. Rows that a mask leaves out are ignored whatever their
//        target is; the mean is then over the rows that count, and 0 where none does. See step_mask() for lengths.
#include <algorithm>

#include "base/check.hpp"
#include "ops/joined_ids.hpp"
#include "ops/loss.hpp"

namespace unspool {
namespace {

// The attribute words before the targets.
enum : int { word_reduction, word_ignore_index, word_smoothing, word_targets };

template <class T>
struct Problem {
  const T* x;
  const T* weight;  // null where every class counts 1
  std::span<const std::int64_t> targets;
  std::int64_t ignore_index;
  std::int64_t classes;
  std::int64_t rows;
  double smoothing;
  Wide<T> weight_sum;  // over all classes

  template <class Args>
  explicit Problem(const Args& a)
      : x(a.x(0).data),
        weight(a.arity() == 2 ? a.x(1).data : nullptr),
        targets(a.list(word_targets)),
        ignore_index(a.integer(word_ignore_index)),
        classes(a.x(0).extent(-1)),
        rows(a.x(0).rows()),
        smoothing(a.real(word_smoothing)),
        weight_sum(weight == nullptr ? static_cast<double>(classes) : 0.0) {
    for (std::int64_t c = 0; weight != nullptr && c < classes; ++c) weight_sum += static_cast<Wide<T>>(weight[c]);
  }
  const T* row(std::int64_t r) const { return x + r * classes; }
  bool ignored(std::int64_t r) const { return targets[r] == ignore_index; }
  Wide<T> weight_of(std::int64_t r) const {
    return weight == nullptr ? Wide<T>(1) : static_cast<Wide<T>>(weight[targets[r]]);
  }
};

// What backward needs: the largest logit and the sum of exp(x - largest) of each row, and the mean's divisor. The
// probabilities themselves are C times as much memory and take as long to read as to compute again. Largest and sum
// stay apart because their logsumexp rounds away a small sum's digits beside a large logit.
template <class T>
struct Saved {
  T *largest, *exp_sum, *divisor;
  Saved(T* saved, std::int64_t rows) : largest(saved), exp_sum(saved + rows), divisor(saved + 2 * rows) {}
};

void check_targets(const InferArgs& a, std::int64_t rows, std::int64_t classes) {
  const auto targets = a.list(word_targets);
  const std::int64_t ignore_index = a.integer(word_ignore_index);
  reject_unless(a, static_cast<std::int64_t>(targets.size()) == rows, ErrorCode::shape_mismatch,
                "needs one target a row of logits, {}; given {}", rows, targets.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t id = targets[r];
    reject_unless(a, (id >= 0 && id < classes) || id == ignore_index, ErrorCode::index_out_of_range,
                  "targets must be in 0..{} or {} (ignored); targets[{}] is {} and there are {} classes", classes - 1,
                  ignore_index, r, id, classes);
  }
}

// Rows go to the kernels several at a time: a call and a scalar logarithm for each would cost more than its few classes.
constexpr std::int64_t most_rows = 64, most_values = 1 << 14;

template <class T>
std::int64_t scratch_size(const Problem<T>& p) {
  return p.classes * std::clamp<std::int64_t>(most_values / std::max<std::int64_t>(p.classes, 1), 1, most_rows);
}

/// Calls f(first, count) for stretches of rows that are not ignored, of scratch_size() values at most.
template <class T, class F>
void for_each_stretch(const Problem<T>& p, F f) {
  const std::int64_t most = scratch_size(p) / std::max<std::int64_t>(p.classes, 1);
  for (std::int64_t first = 0, end = 0; first < p.rows; first = end) {
    for (end = first; end < p.rows && end - first < most && !p.ignored(end);) ++end;
    if (end == first)
      ++end;
    else
      f(first, end - first);
  }
}

/// largest and exp_sum of rows first ... first + count - 1, and the logarithms of the latter.
template <class T>
void measure_rows(const Problem<T>& p, std::int64_t first, std::int64_t count, const Saved<T>& saved, T* scratch,
                  Wide<T>* log_sums) {
  const auto& k = kernels::kernel_table<T>();
  k.row_max(count, p.classes, p.row(first), saved.largest + first);
  k.row_exp_shifted(count, p.classes, p.row(first), saved.largest + first, scratch);
  for (std::int64_t i = 0; i < count; ++i) {
    saved.exp_sum[first + i] = k.sum(p.classes, scratch + i * p.classes);
    log_sums[i] = static_cast<Wide<T>>(saved.exp_sum[first + i]);
  }
  kernels::kernel_table<Wide<T>>().log(count, log_sums, log_sums);
}

/// The loss of row r; `scratch` holds C numbers.
template <class T>
Wide<T> row_loss(const Problem<T>& p, std::int64_t r, T largest, Wide<T> log_sum, T* scratch) {
  const auto& k = kernels::kernel_table<T>();
  const T* const x = p.row(r);
  const Wide<T> shifted = static_cast<Wide<T>>(x[p.targets[r]]) - static_cast<Wide<T>>(largest);
  const Wide<T> loss = (1 - p.smoothing) * p.weight_of(r) * (log_sum - shifted);
  if (p.smoothing == 0) return loss;
  k.axpb(p.classes, 1, x, -largest, scratch);
  const T all = p.weight == nullptr ? k.sum(p.classes, scratch) : k.dot(p.classes, p.weight, scratch);
  return loss + p.smoothing / static_cast<double>(p.classes) * (p.weight_sum * log_sum - static_cast<Wide<T>>(all));
}

/// dx (=|+=) the gradient of rows first ... first + count - 1, for dy(r) = d(loss)/d(loss of row r).
template <class T, class F>
void add_gradients(const Problem<T>& p, std::int64_t first, std::int64_t count, const Saved<const T>& saved, F dy,
                   T* scratch, T* dx, bool assign) {
  const auto& k = kernels::kernel_table<T>();
  const double each = p.smoothing / static_cast<double>(p.classes);
  T scales[most_rows];
  for (std::int64_t i = 0; i < count; ++i) {
    const Wide<T> hit = (1 - p.smoothing) * p.weight_of(first + i);
    scales[i] =
        static_cast<T>(dy(first + i) * (hit + each * p.weight_sum) / static_cast<Wide<T>>(saved.exp_sum[first + i]));
  }
  T* row = dx + first * p.classes;
  T* const exps = assign ? row : scratch;
  k.row_exp_shifted(count, p.classes, p.row(first), saved.largest + first, exps);
  k.scale_rows(count, p.classes, exps, scales, row, !assign);
  for (std::int64_t r = first; r < first + count; ++r, row += p.classes) {
    const T share = static_cast<T>(-dy(r) * each);
    if (p.smoothing != 0 && p.weight == nullptr) k.axpb(p.classes, 1, row, share, row);
    if (p.smoothing != 0 && p.weight != nullptr) k.axpy(p.classes, share, p.weight, row);
    row[p.targets[r]] -= static_cast<T>(dy(r) * ((1 - p.smoothing) * p.weight_of(r)));
  }
}

struct CrossEntropy {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    reject_unless(a, a.arity() <= 2, ErrorCode::bad_argument, "takes logits and at most one weight; given {} operands",
                  a.arity());
    reject_unless(a, x.rank() >= 1, ErrorCode::shape_mismatch, "logits need a class axis");
    reject_unless(a, a.arity() == 1 || a.shape(1) == Shape{x[-1]}, ErrorCode::shape_mismatch,
                  "weight must be [{}], one number a class", x[-1]);
    check_reduction(a, word_reduction);
    const double smoothing = a.real(word_smoothing);
    reject_unless(a, smoothing >= 0 && smoothing <= 1, ErrorCode::bad_argument,
                  "label_smoothing must be in 0..1; given {}", smoothing);
    const Shape rows(x.extents().first(static_cast<std::size_t>(x.rank() - 1)));
    check_targets(a, rows.size(), x[-1]);
    return reduction_of(a, word_reduction) == Reduction::none ? rows : Shape();
  }
  static std::int64_t saved(const InferArgs& a, const Shape&) {
    return 2 * (a.call().node->attr_count() - word_targets) + 1;
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return 4 * a.shape(0).size(); }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const Problem<T> p(a);
    const Saved<T> saved(a.saved(), p.rows);
    const Reduction reduction = reduction_of(a, word_reduction);
    T* const scratch = a.temporary(scratch_size(p));
    T* const y = a.y().data;
    std::fill_n(saved.largest, 2 * p.rows, T(1));  // of rows that are ignored
    if (reduction == Reduction::none) std::fill_n(y, p.rows, T(0));
    Wide<T> total = 0, divisor = 0;
    for_each_stretch(p, [&](std::int64_t first, std::int64_t count) {
      Wide<T> log_sums[most_rows];
      measure_rows(p, first, count, saved, scratch, log_sums);
      for (std::int64_t r = first; r < first + count; ++r) {
        const Wide<T> loss = row_loss(p, r, saved.largest[r], log_sums[r - first], scratch);
        divisor += p.weight_of(r);
        total += loss;
        if (reduction == Reduction::none) y[r] = static_cast<T>(loss);
      }
    });
    saved.divisor[0] = static_cast<T>(divisor);
    if (reduction != Reduction::none) y[0] = static_cast<T>(reduction == Reduction::mean ? total / divisor : total);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx == nullptr) return;
    const Problem<T> p(a);
    const Saved<const T> saved(a.saved(), p.rows);
    const Reduction reduction = reduction_of(a, word_reduction);
    const T* const dy = a.dy().data;
    T* const scratch = first ? nullptr : a.temporary(scratch_size(p));
    const Wide<T> divisor = reduction == Reduction::mean ? static_cast<Wide<T>>(saved.divisor[0]) : Wide<T>(1);
    const auto row_dy = [&](std::int64_t r) {
      return static_cast<Wide<T>>(dy[reduction == Reduction::none ? r : 0]) / divisor;
    };
    for (std::int64_t r = 0; first && r < p.rows; ++r)
      if (p.ignored(r)) std::fill_n(dx + r * p.classes, p.classes, T(0));
    for_each_stretch(p, [&](std::int64_t row, std::int64_t count) {
      add_gradients(p, row, count, saved, row_dy, scratch, dx, first);
    });
  }
};

Attrs attributes(const CrossEntropyOptions& o, const Ids& targets) {
  return Attrs(static_cast<int>(o.reduction), o.ignore_index, o.label_smoothing).with(targets);
}

}  // namespace

constinit const OpRule cross_entropy_rule = make_rule<CrossEntropy>(
    {.name = "cross_entropy",
     .arity = -1,
     .reads = Reads::inputs,
     .attrs = "reduction:int, ignore_index:int, label_smoothing:real, targets:list",
     .samples = "[3,4] reduction=0 ignore_index=-100 label_smoothing=0 targets=[0,3,1];"
                "[3,4] reduction=1 ignore_index=3 label_smoothing=0 targets=[0,3,1];"
                "[2,2,3] reduction=2 ignore_index=-1 label_smoothing=0 targets=[2,-1,0,0];"
                "[3,4] [4]! in 0.5..2 reduction=0 ignore_index=-100 label_smoothing=0 targets=[2,2,1];"
                "[3,4] [4]! in 0.5..2 reduction=0 ignore_index=2 label_smoothing=0.25 targets=[2,0,1];"
                "[3,4] [4]! in 0.5..2 reduction=2 ignore_index=-100 label_smoothing=1 targets=[2,0,1];"
                "[2,19] in -9..9 reduction=1 ignore_index=-100 label_smoothing=0.1 targets=[18,0];"
                "[5] reduction=0 ignore_index=-100 label_smoothing=0.1 targets=[4];"
                "[2,1] reduction=0 ignore_index=-100 label_smoothing=0 targets=[0,0];"
                "[0,3] reduction=1 ignore_index=-100 label_smoothing=0 targets=[]"});

Handle detail::cross_entropy(const Handle& logits, const Ids& targets, CrossEntropyOptions options, Where where) {
  return record(cross_entropy_rule, {logits}, attributes(options, targets), where);
}

Handle detail::cross_entropy(const Handle& logits, const Ids& targets, Reduction reduction, Where where) {
  return record(cross_entropy_rule, {logits}, attributes({.reduction = reduction}, targets), where);
}

Handle detail::cross_entropy(const Handle& logits, const Ids& targets, const Handle& weight,
                             CrossEntropyOptions options, Where where) {
  return record(cross_entropy_rule, {logits, weight}, attributes(options, targets), where);
}

Handle detail::cross_entropy(const Handle& logits, const Ids& targets, const Ids& mask, CrossEntropyOptions options,
                             Where where) {
  require(mask.size() == targets.size(), ErrorCode::shape_mismatch, "cross_entropy",
          "the mask must have a number for each target; {} targets, {} in the mask", targets.size(), mask.size());
  std::vector<std::int64_t>& kept = empty_ids();
  bool any = false;
  for (std::int64_t r = 0; r < targets.size(); ++r) {
    kept.push_back(mask[r] != 0 ? targets[r] : options.ignore_index);
    any = any || kept.back() != options.ignore_index;
  }
  if (!any && options.reduction == Reduction::mean) options.reduction = Reduction::sum;
  return record(cross_entropy_rule, {logits}, attributes(options, kept), where);
}

}  // namespace unspool
