// op:    Var ctc_loss(const Var& logits, const Ids& targets, const Ids& input_lengths, const Ids& target_lengths, CtcOptions options = {})
// shape: logits [T,B,C]; targets every row's labels, one row after another, or rows [B,S] with anything beyond each
//        row's labels; input_lengths and target_lengths [B]; y [B] for Reduction::none, else a scalar
// math:  l_b = -log of the sum of the probabilities of all alignments of row b's labels, each the product over t of
//        softmax(x)_t at the symbol it emits; mean = sum of l_b / max(1, target length) over B;
//        dx_tc = dy * (softmax(x)_tc - the share of the alignments' probability that emits c at t)
// note:  Connectionist temporal classification: Graves et al., ICML 2006. Log-probabilities may be passed as logits:
//        their log_softmax is themselves. A row whose labels do not fit its steps has loss +inf (0 with zero_infinity)
//        and gradient exactly 0; no labels in no steps cost 0. Computed in double for every scalar type. Labels are in
//        0..C-1 and not the blank. PyTorch's reductions; the mean of no rows is 0.
#include <algorithm>

#include "ops/ctc_lattice.hpp"
#include "ops/joined_ids.hpp"
#include "ops/loss.hpp"

namespace unspool {
namespace {

// The attribute words before the list, which holds the input lengths, the target lengths and the labels.
enum : int { word_reduction, word_blank, word_zero_infinity, word_input_count, word_target_count, word_lists };

using Lengths = std::span<const std::int64_t>;

Lengths input_lengths(const detail::ArgsBase& a) {
  return a.list(word_lists).first(static_cast<std::size_t>(a.integer(word_input_count)));
}
Lengths target_lengths(const detail::ArgsBase& a) {
  return a.list(word_lists).subspan(input_lengths(a).size(), static_cast<std::size_t>(a.integer(word_target_count)));
}
Lengths labels(const detail::ArgsBase& a) {
  return a.list(word_lists).subspan(input_lengths(a).size() + target_lengths(a).size());
}

void check_lists(const InferArgs& a) {
  const std::int64_t inputs = a.integer(word_input_count), targets = a.integer(word_target_count);
  const auto size = static_cast<std::int64_t>(a.list(word_lists).size());
  reject_unless(a, inputs >= 0 && targets >= 0 && inputs <= size && targets <= size - inputs, ErrorCode::bad_argument,
                "the list must hold the lengths and the labels; {} input lengths, {} target lengths, {} numbers",
                inputs, targets, size);
}

void check_lengths(const InferArgs& a, const char* name, Lengths lengths, std::int64_t rows, std::int64_t most) {
  reject_unless(a, static_cast<std::int64_t>(lengths.size()) == rows, ErrorCode::shape_mismatch,
                "needs one {} a row of the batch, {}; given {}", name, rows, lengths.size());
  for (std::size_t b = 0; b < lengths.size(); ++b)
    reject_unless(a, lengths[b] >= 0 && lengths[b] <= most, ErrorCode::bad_argument,
                  "{}s must be in 0..{}; that of row {} is {}", name, most, b, lengths[b]);
}

void check_labels(const InferArgs& a, std::int64_t classes, std::int64_t blank) {
  const Lengths all = labels(a);
  std::int64_t total = 0;
  for (const std::int64_t length : target_lengths(a)) total += length;
  reject_unless(a, static_cast<std::int64_t>(all.size()) == total, ErrorCode::shape_mismatch,
                "targets must hold as many labels as the target lengths add up to, {}, or a row of one length for each "
                "of them; given {}",
                total, all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    reject_unless(a, all[i] >= 0 && all[i] < classes, ErrorCode::index_out_of_range,
                  "labels must be in 0..{}; targets[{}] is {}", classes - 1, i, all[i]);
    reject_unless(a, all[i] != blank, ErrorCode::index_out_of_range,
                  "labels must differ from the blank, {}; targets[{}] is the blank", blank, i);
  }
}

/// Calls f(b, lattice, log_total) for every row, its forward variables computed.
template <class T, class Args, class F>
void for_each_row(const Args& a, F f) {
  const View<const T> x = a.x(0);
  const std::int64_t rows = x.extent(1), classes = x.extent(2);
  const Lengths inputs = input_lengths(a), targets = target_lengths(a);
  if (rows == 0) return;
  const std::int64_t longest = *std::max_element(inputs.begin(), inputs.end());
  const std::int64_t most = *std::max_element(targets.begin(), targets.end());
  Wide<T>* const scratch = temporary_wide<Wide<T>>(a, CtcLattice<Wide<T>>::scratch_size(longest, most, classes));
  Lengths rest = labels(a);
  for (std::int64_t b = 0; b < rows; ++b) {
    const auto count = static_cast<std::size_t>(targets[b]);
    CtcLattice<Wide<T>> lattice(scratch, inputs[b], classes, rest.first(count), a.integer(word_blank));
    rest = rest.subspan(count);
    Wide<T>* const probs = lattice.log_probs();
    for (std::int64_t t = 0; t < inputs[b]; ++t)
      std::copy_n(x.data + (t * rows + b) * classes, classes, probs + t * classes);
    kernels::kernel_table<Wide<T>>().log_softmax(inputs[b], classes, probs, probs);
    f(b, lattice, lattice.forward());
  }
}

/// d(loss)/d(row loss) for dy = 1.
double row_share(const detail::ArgsBase& a, std::int64_t b) {
  if (reduction_of(a, word_reduction) != Reduction::mean) return 1;
  const Lengths targets = target_lengths(a);
  return 1 / static_cast<double>(std::max<std::int64_t>(1, targets[b])) / static_cast<double>(targets.size());
}

struct CtcLoss {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    reject_unless(a, x.rank() == 3, ErrorCode::shape_mismatch, "logits must be [T,B,C], time first");
    check_reduction(a, word_reduction);
    check_lists(a);
    const std::int64_t blank = a.integer(word_blank);
    reject_unless(a, blank >= 0 && blank < x[2], ErrorCode::index_out_of_range,
                  "the blank must be one of the {} classes; given {}", x[2], blank);
    check_lengths(a, "input length", input_lengths(a), x[1], x[0]);
    check_lengths(a, "target length", target_lengths(a), x[1], static_cast<std::int64_t>(labels(a).size()));
    check_labels(a, x[2], blank);
    return reduction_of(a, word_reduction) == Reduction::none ? Shape{x[1]} : Shape();
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) {
    std::int64_t states = 0;
    for (const std::int64_t length : target_lengths(a)) states += 2 * length + 1;
    return 4 * a.shape(0).size() + 12 * a.shape(0)[0] * states;
  }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const bool each = reduction_of(a, word_reduction) == Reduction::none;
    T* const y = a.y().data;
    Wide<T> total = 0;
    for_each_row<T>(a, [&](std::int64_t b, auto&, Wide<T> log_total) {
      const Wide<T> loss = log_total == impossible && a.flag(word_zero_infinity) ? Wide<T>(0) : -log_total;
      if (each) y[b] = static_cast<T>(loss);
      total += loss * row_share(a, b);
    });
    if (!each) y[0] = static_cast<T>(total);
  }

  // The lattice is computed again rather than kept: keeping it would cost more memory than the network that made x.
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<T> dx = a.dx(0).accumulator();
    if (dx.data == nullptr) return;
    const bool each = reduction_of(a, word_reduction) == Reduction::none;
    const std::int64_t rows = a.x(0).extent(1), classes = a.x(0).extent(2);
    for_each_row<T>(a, [&](std::int64_t b, auto& lattice, Wide<T> log_total) {
      if (log_total == impossible) return;
      const Wide<T> g = static_cast<Wide<T>>(a.dy()[each ? b : 0]) * row_share(a, b);
      lattice.backward(log_total, [&](std::int64_t t, const Wide<T>* probs, const Wide<T>* shares) {
        T* const to = dx.data + (t * rows + b) * classes;
        for (std::int64_t c = 0; c < classes; ++c) to[c] += static_cast<T>(g * (probs[c] - shares[c]));
      });
    });
  }
};

}  // namespace

constinit const OpRule ctc_loss_rule = make_rule<CtcLoss>(
    {.name = "ctc_loss",
     .arity = 1,
     .reads = Reads::inputs,
     .attrs = "reduction:int, blank:int, zero_infinity:bool, inputs:int, outputs:int, lists:list",
     .samples = "[5,2,4] reduction=0 blank=0 zero_infinity=0 inputs=2 outputs=2 lists=[5,3,3,1,1,1,2,3];"
                "[5,2,4] reduction=2 blank=3 zero_infinity=0 inputs=2 outputs=2 lists=[4,5,2,3,0,1,2,2,0];"
                "[3,3,3] reduction=1 blank=1 zero_infinity=1 inputs=3 outputs=3 lists=[3,2,0,0,3,0,2,2,0];"
                "[6,1,3] in -9..9 reduction=0 blank=2 zero_infinity=0 inputs=1 outputs=1 lists=[6,3,1,1,0];"
                "[1,1,2] reduction=1 blank=0 zero_infinity=0 inputs=1 outputs=1 lists=[1,1,1];"
                "[4,1,1] reduction=1 blank=0 zero_infinity=0 inputs=1 outputs=1 lists=[4,0];"
                "[0,2,3] reduction=2 blank=0 zero_infinity=0 inputs=2 outputs=2 lists=[0,0,0,0];"
                "[3,0,2] reduction=0 blank=0 zero_infinity=0 inputs=0 outputs=0 lists=[]"});

namespace {

/// Appends the labels one row after another, whether they are given so or in rows of one length. The two agree where
/// they are as many; what is neither is appended as it is, for infer to reject.
void append_labels(const Ids& targets, const Ids& lengths, std::vector<std::int64_t>& list) {
  const std::int64_t width = lengths.size() > 0 ? targets.size() / lengths.size() : 0;
  bool padded = targets.size() == width * lengths.size();
  std::int64_t total = 0;
  for (std::int64_t b = 0; padded && b < lengths.size(); ++b) {
    padded = lengths[b] <= width;
    total += lengths[b];
  }
  padded = padded && total < targets.size();
  if (!padded) append(targets, list);
  for (std::int64_t b = 0; padded && b < lengths.size(); ++b)
    for (std::int64_t i = 0; i < lengths[b]; ++i) list.push_back(targets[b * width + i]);
}

}  // namespace

Handle detail::ctc_loss(const Handle& logits, const Ids& targets, const Ids& input_lengths, const Ids& target_lengths,
                        CtcOptions options, Where where) {
  std::vector<std::int64_t>& lists = empty_ids();
  append(input_lengths, lists);
  append(target_lengths, lists);
  append_labels(targets, target_lengths, lists);
  return record(ctc_loss_rule, {logits},
                Attrs(static_cast<int>(options.reduction), options.blank, options.zero_infinity, input_lengths.size(),
                      target_lengths.size())
                    .with(lists),
                where);
}

}  // namespace unspool
