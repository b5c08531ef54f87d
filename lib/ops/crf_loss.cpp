// op:    Var crf_loss(const Var& emissions, const Var& transitions, const Var& start, const Var& end, const Ids& tags, const Ids& lengths, Reduction reduction = Reduction::mean)
// shape: emissions [T,B,K], transitions [K,K] from row to column, start and end [K], tags T * B numbers, time first,
//        lengths [B]; y [B] for Reduction::none, else a scalar
// math:  score(s) = start[s_1] + end[s_n] + sum over t of emissions[t,b,s_t] + sum over t > 1 of
//        transitions[s_t-1,s_t]; l_b = log(sum over all s of exp(score(s))) - score(tags); mean = sum of l_b / B;
//        d(emissions) = dy * (p(tag k at t) - [k = tags_t]), the others likewise with the probabilities of pairs, of the
//        first and of the last tag
// note:  Linear-chain conditional random field: Lafferty, McCallum and Pereira, ICML 2001. Tags beyond a row's length
//        are not looked at; a row without steps costs 0. Transitions of -inf forbid: forbidden tags cost +inf, with
//        gradient 0. Computed in double for every scalar type. The mean of no rows is 0.
#include "ops/crf_chain.hpp"
#include "ops/joined_ids.hpp"
#include "ops/loss.hpp"

namespace unspool {
namespace {

// The attribute words before the list, which holds the tags and then the lengths.
enum : int { word_reduction, word_tag_count, word_lists };
enum : int { emissions, transitions, start, end };

using Numbers = std::span<const std::int64_t>;

Numbers tags_of(const detail::ArgsBase& a) {
  return a.list(word_lists).first(static_cast<std::size_t>(a.integer(word_tag_count)));
}
Numbers lengths_of(const detail::ArgsBase& a) {
  return a.list(word_lists).subspan(static_cast<std::size_t>(a.integer(word_tag_count)));
}

void check_tags(const InferArgs& a, const Shape& x) {
  const Numbers tags = tags_of(a), lengths = lengths_of(a);
  reject_unless(a, static_cast<std::int64_t>(tags.size()) == x[0] * x[1], ErrorCode::shape_mismatch,
                "needs one tag for each step and row, {} x {}; given {}", x[0], x[1], tags.size());
  reject_unless(a, static_cast<std::int64_t>(lengths.size()) == x[1], ErrorCode::shape_mismatch,
                "needs one length a row of the batch, {}; given {}", x[1], lengths.size());
  for (std::int64_t b = 0; b < x[1]; ++b) {
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    reject_unless(a, length >= 0 && length <= x[0], ErrorCode::bad_argument,
                  "lengths must be in 0..{}; that of row {} is {}", x[0], b, length);
    for (std::int64_t t = 0; t < length; ++t) {
      const std::int64_t tag = tags[static_cast<std::size_t>(t * x[1] + b)];
      reject_unless(a, tag >= 0 && tag < x[2], ErrorCode::index_out_of_range,
                    "tags must be in 0..{}; that of step {} in row {} is {}", x[2] - 1, t, b, tag);
    }
  }
}

template <class T>
Wide<T>* widened(Wide<T>*& to, View<const T> x) {
  Wide<T>* const begin = to;
  to = std::copy_n(x.data, x.size, to);
  return begin;
}

template <class T, class Args>
CrfWeights<Wide<T>> weights_of(const Args& a) {
  const std::int64_t K = a.x(start).size;
  Wide<T>* scratch = temporary_wide<Wide<T>>(a, 2 * K * (K + 1));
  CrfWeights<Wide<T>> w;
  w.tags = K;
  w.transitions = widened<T>(scratch, a.x(transitions));
  w.start = widened<T>(scratch, a.x(start));
  w.end = widened<T>(scratch, a.x(end));
  w.transposed = scratch;
  for (std::int64_t i = 0; i < K; ++i)
    for (std::int64_t j = 0; j < K; ++j) scratch[j * K + i] = w.transitions[i * K + j];
  return w;
}

/// Calls f(b, length, tag, chain, loss, log_total) for every row, its forward variables computed; tag(t) is its tag.
template <class T, class Args, class F>
void for_each_row(const Args& a, F f) {
  const View<const T> x = a.x(emissions);
  const std::int64_t steps = x.extent(0), rows = x.extent(1), K = x.extent(2);
  const Numbers tags = tags_of(a), lengths = lengths_of(a);
  const CrfWeights<Wide<T>> weights = weights_of<T>(a);
  Wide<T>* const scratch = temporary_wide<Wide<T>>(a, CrfChain<Wide<T>>::scratch_size(steps, K));
  for (std::int64_t b = 0; b < rows; ++b) {
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    const auto tag = [&](std::int64_t t) { return tags[static_cast<std::size_t>(t * rows + b)]; };
    CrfChain<Wide<T>> chain(scratch, weights, length);
    for (std::int64_t t = 0; t < length; ++t) std::copy_n(x.data + (t * rows + b) * K, K, chain.emissions() + t * K);
    const Wide<T> score = chain.score(tag), log_total = chain.forward();
    f(b, length, tag, chain, score == impossible ? Wide<T>(-impossible) : log_total - score, log_total);
  }
}

/// d(loss)/d(row loss) for dy = 1.
double row_share(const detail::ArgsBase& a, std::int64_t rows) {
  return reduction_of(a, word_reduction) == Reduction::mean ? 1 / static_cast<double>(rows) : 1;
}

// Sums over all rows and steps, in double, of what the three weights receive.
template <class W>
struct Totals {
  W *transitions, *start, *end;

  template <class Args>
  Totals(const Args& a, std::int64_t K) {
    transitions = temporary_wide<W>(a, K * (K + 2));
    std::fill_n(transitions, K * (K + 2), W(0));
    start = transitions + K * K;
    end = start + K;
  }
};

template <class T>
void add_wide(const BackwardArgs<T>& a, int operand, const Wide<T>* values) {
  const View<T> to = a.dx(operand).accumulator();
  for (std::int64_t i = 0; to.data != nullptr && i < to.size; ++i) to[i] += static_cast<T>(values[i]);
}

struct CrfLoss {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(emissions);
    reject_unless(a, x.rank() == 3, ErrorCode::shape_mismatch, "emissions must be [T,B,K], time first");
    const std::int64_t K = x[2];
    const auto expect = [&](int operand, const char* name, const Shape& wanted) {
      reject_unless(a, a.shape(operand) == wanted, ErrorCode::shape_mismatch, "{} must be {} where emissions are {}",
                    name, wanted, x);
    };
    expect(transitions, "transitions", {K, K});
    expect(start, "start", {K});
    expect(end, "end", {K});
    check_reduction(a, word_reduction);
    const std::int64_t count = a.integer(word_tag_count);
    reject_unless(a, count >= 0 && count <= static_cast<std::int64_t>(a.list(word_lists).size()),
                  ErrorCode::bad_argument, "the list must hold {} tags and the lengths; it has {} numbers", count,
                  a.list(word_lists).size());
    check_tags(a, x);
    return reduction_of(a, word_reduction) == Reduction::none ? Shape{x[1]} : Shape();
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) {
    return 4 * a.shape(emissions).size() * a.shape(start)[0];
  }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const bool each = reduction_of(a, word_reduction) == Reduction::none;
    const std::int64_t rows = a.x(emissions).extent(1);
    T* const y = a.y().data;
    Wide<T> total = 0;
    for_each_row<T>(a, [&](std::int64_t b, std::int64_t, auto&, auto&, Wide<T> loss, Wide<T>) {
      if (each) y[b] = static_cast<T>(loss);
      total += loss * row_share(a, rows);
    });
    if (!each) y[0] = static_cast<T>(total);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const bool each = reduction_of(a, word_reduction) == Reduction::none;
    const std::int64_t rows = a.x(emissions).extent(1), K = a.x(emissions).extent(2);
    const View<T> dx = a.dx(emissions).accumulator();
    const Totals<Wide<T>> sums(a, K);
    for_each_row<T>(a,
                    [&](std::int64_t b, std::int64_t length, auto& tag, auto& chain, Wide<T> loss, Wide<T> log_total) {
                      if (length == 0 || loss == -impossible) return;
                      const Wide<T> g = static_cast<Wide<T>>(a.dy()[each ? b : 0]) * row_share(a, rows);
                      const auto at_step = [&](std::int64_t t, const Wide<T>* shares) {
                        T* const to = dx.data == nullptr ? nullptr : dx.data + (t * rows + b) * K;
                        for (std::int64_t k = 0; k < K; ++k) {
                          const Wide<T> d = g * (shares[k] - (k == tag(t) ? 1 : 0));
                          if (to != nullptr) to[k] += static_cast<T>(d);
                          if (t == 0) sums.start[k] += d;
                          if (t == length - 1) sums.end[k] += d;
                        }
                      };
                      chain.backward(log_total, at_step, [&](const Wide<T>* shares) {
                        kernels::kernel_table<Wide<T>>().axpy(K * K, g, shares, sums.transitions);
                      });
                      for (std::int64_t t = 1; t < length; ++t) sums.transitions[tag(t - 1) * K + tag(t)] -= g;
                    });
    add_wide(a, transitions, sums.transitions);
    add_wide(a, start, sums.start);
    add_wide(a, end, sums.end);
  }
};

}  // namespace

constinit const OpRule crf_loss_rule =
    make_rule<CrfLoss>({.name = "crf_loss",
                        .arity = 4,
                        .reads = Reads::inputs,
                        .attrs = "reduction:int, tag_count:int, lists:list",
                        .samples = "[4,2,3] [3,3] [3] [3] reduction=0 tag_count=8 lists=[0,2,1,1,1,2,2,0,4,3];"
                                   "[3,3,2] [2,2] [2] [2] reduction=2 tag_count=9 lists=[0,1,1,1,0,-1,1,-1,-1,3,2,0];"
                                   "[4,1,4] in -9..9 [4,4] [4] [4] reduction=1 tag_count=4 lists=[3,3,0,2,4];"
                                   "[2,2,3] [3,3]! [3]! [3]! reduction=0 tag_count=4 lists=[0,2,1,1,2,1];"
                                   "[1,1,1] [1,1] [1] [1] reduction=1 tag_count=1 lists=[0,1];"
                                   "[0,2,3] [3,3] [3] [3] reduction=0 tag_count=0 lists=[0,0];"
                                   "[2,0,3] [3,3] [3] [3] reduction=2 tag_count=0 lists=[];"
                                   "[2,2,0] [0,0] [0] [0] reduction=1 tag_count=4 lists=[0,0,0,0,0,0]"});

Handle detail::crf_loss(const Handle& emissions, const Handle& transitions, const Handle& start, const Handle& end,
                        const Ids& tags, const Ids& lengths, Reduction reduction, Where where) {
  std::vector<std::int64_t>& lists = empty_ids();
  append(tags, lists);
  append(lengths, lists);
  return record(crf_loss_rule, {emissions, transitions, start, end},
                Attrs(static_cast<int>(reduction), tags.size()).with(lists), where);
}

}  // namespace unspool
