// The ledger's rows sorted by example instead of by step: the rows a_t and b_t of one example are a product of their own.
#include "unspool/per_example.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/with_scalar.hpp"
#include "tape/packed_steps.hpp"
#include "tape/tape_core.hpp"
#include "tensor/gemm.hpp"
#include "tensor/kernels.hpp"
#include "unspool/maths.hpp"

namespace unspool::detail {
namespace {

constexpr const char* op = "per_example_gradients";

/// Gives the rows of queued contributions to examples.
class Examples {
 public:
  Examples(const TapeCore& tape, std::int64_t batch, const std::string& parameter)
      : tape_(tape), steps_(tape), batch_(batch), parameter_(parameter) {}

  /// The examples of the rows of the next contribution. An op may have queued its rows in several parts, one after the
  /// other.
  const std::vector<std::int64_t>& of(const StepLedger::Queued& q) {
    const bool goes_on = q.entry.node == node_ && q.kind == kind_;
    const std::int64_t offset = goes_on ? offset_ : 0;
    node_ = q.entry.node, kind_ = q.kind, offset_ = offset + q.entry.rows;
    examples_.clear();
    if (q.packed.count >= offset_)
      packed(q.packed, q.packed.first + offset, q.packed.first + offset_);
    else
      for (std::int64_t r = 0; r < q.entry.rows; ++r) examples_.push_back(r % std::max<std::int64_t>(batch_, 1));
    const bool fits = q.packed.count >= offset_ || (batch_ > 0 && q.entry.rows % batch_ == 0);
    require(fits && static_cast<std::int64_t>(examples_.size()) == q.entry.rows, ErrorCode::shape_mismatch, op,
            "what {} was used on must have a row, or one a step, for each of {} examples; %{} ({}) has {}", parameter_,
            batch_, q.entry.node, tape_.node(q.entry.node).rule->info.name, q.entry.rows);
    return examples_;
  }

 private:
  void packed(const Labels::PackedRows& rows, std::int64_t from, std::int64_t to) {
    const std::span<const std::int64_t> order = steps_.order(rows);
    const auto count = static_cast<std::int64_t>(order.size());
    require(count == batch_, ErrorCode::shape_mismatch, op, "the sequences that {} was used on have {} rows; given {}",
            parameter_, count, batch_);
    steps_.for_each(rows, from, to, [&](std::int64_t, std::int64_t first, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) examples_.push_back(order[static_cast<std::size_t>(i - first)]);
    });
  }

  const TapeCore& tape_;
  PackedSteps steps_;
  std::int64_t batch_;
  const std::string& parameter_;
  std::vector<std::int64_t> examples_;
  std::uint32_t node_ = TapeCore::no_node;
  Deferred::Kind kind_ = Deferred::Kind::product;
  std::int64_t offset_ = 0;
};

/// What one example adds in one way: rows a [k,m] and b [k,n] of a product, b of column sums, ids and b of table rows.
template <class T>
struct Rows {
  std::vector<T> a, b;
  std::vector<std::int64_t> ids;
};

/// The contributions to one parameter of one kind and one shape.
template <class T>
struct Group {
  Deferred::Kind kind;
  std::int64_t m, n;
  std::vector<Rows<T>> examples;
};

template <class T>
class Shares {
 public:
  Shares(const TapeCore& tape, std::uint32_t leaf, const ParameterCore& parameter, std::int64_t batch)
      : size_(parameter.shape.size()), batch_(batch) {
    for (const StepLedger::Direct& d : tape.ledger().direct()) {
      if (d.target != leaf) continue;
      require(batch == 1, ErrorCode::unsupported, op,
              "the gradient of {} must come from products, column sums or looked-up rows alone; an op added to it "
              "directly",
              parameter.name);
      direct_.push_back(static_cast<const T*>(d.sum));
    }
    Examples examples(tape, batch, parameter.name);
    for (const StepLedger::Queued& q : tape.ledger().queued())
      if (q.target == leaf) add(q, examples.of(q));
  }

  void share(std::int64_t example, T* out) {
    std::fill_n(out, size_, T{0});
    const auto& k = kernels::kernel_table<T>();
    for (const T* sum : direct_) k.copy_grad(size_, sum, out, true);
    for (const Group<T>& group : groups_) {
      const Rows<T>& rows = group.examples[static_cast<std::size_t>(example)];
      const auto count = static_cast<std::int64_t>(rows.b.size()) / std::max<std::int64_t>(group.n, 1);
      if (group.kind == Deferred::Kind::product)
        kernels::gemm<T>(true, false, group.m, group.n, count, rows.a.data(), group.m, rows.b.data(), group.n, true,
                         out, group.n, workspace_);
      else if (group.kind == Deferred::Kind::columns)
        k.column_sums(count, group.n, rows.b.data(), group.n, out, true);
      else
        for (std::int64_t r = 0; r < count; ++r)
          k.copy_grad(group.n, rows.b.data() + r * group.n, out + rows.ids[static_cast<std::size_t>(r)] * group.n,
                      true);
    }
  }

  double squares(std::int64_t example) {
    if (groups_.size() == 1 && direct_.empty() && groups_[0].kind == Deferred::Kind::product) {
      const Group<T>& group = groups_[0];
      const Rows<T>& rows = group.examples[static_cast<std::size_t>(example)];
      const auto count = static_cast<std::int64_t>(rows.b.size()) / std::max<std::int64_t>(group.n, 1);
      if (count * (group.m + group.n) < group.m * group.n) return squares_of_product(group, rows, count);
    }
    buffer_.resize(static_cast<std::size_t>(size_));
    share(example, buffer_.data());
    return sum_of(buffer_, buffer_);
  }

 private:
  void add(const StepLedger::Queued& q, const std::vector<std::int64_t>& examples) {
    auto at =
        std::ranges::find_if(groups_, [&](const Group<T>& g) { return g.kind == q.kind && g.m == q.m && g.n == q.n; });
    if (at == groups_.end())
      at = groups_.insert(at, {q.kind, q.m, q.n, std::vector<Rows<T>>(static_cast<std::size_t>(batch_))});
    const T *const a = static_cast<const T*>(q.entry.a), *const b = static_cast<const T*>(q.entry.b);
    for (std::int64_t r = 0; r < q.entry.rows; ++r) {
      Rows<T>& rows = at->examples[static_cast<std::size_t>(examples[static_cast<std::size_t>(r)])];
      if (a != nullptr) rows.a.insert(rows.a.end(), a + r * q.m, a + (r + 1) * q.m);
      rows.b.insert(rows.b.end(), b + r * q.n, b + (r + 1) * q.n);
      if (q.entry.ids != nullptr) rows.ids.push_back(q.entry.ids[r]);
    }
  }

  // The sum over s and t of (a_s a_t)(b_s b_t).
  double squares_of_product(const Group<T>& group, const Rows<T>& rows, std::int64_t count) {
    std::vector<T> left(static_cast<std::size_t>(count * count)), right(left.size());
    const auto gram = [&](const std::vector<T>& x, std::int64_t width, std::vector<T>& to) {
      kernels::gemm<T>(false, true, count, count, width, x.data(), width, x.data(), width, false, to.data(), count,
                       workspace_);
    };
    gram(rows.a, group.m, left);
    gram(rows.b, group.n, right);
    return std::max(0.0, sum_of(left, right));
  }

  static double sum_of(const std::vector<T>& a, const std::vector<T>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      sum += static_cast<double>(maths::value(a[i])) * static_cast<double>(maths::value(b[i]));
    return sum;
  }

  std::int64_t size_, batch_;
  std::vector<const T*> direct_;
  std::vector<Group<T>> groups_;
  std::vector<T> buffer_;
  kernels::Workspace workspace_;
};

template <class Read>
void with_shares(const TapeCore& tape, const ParameterCore& parameter, std::int64_t batch, Read read) try {
  require(batch >= 0, ErrorCode::bad_argument, op, "the batch must not be negative; given {}", batch);
  const std::uint32_t leaf = ledger_leaf(tape, parameter, op);
  if (leaf == TapeCore::no_node) return;
  with_scalar(tape.type(), [&]<class T>() { read(Shares<T>(tape, leaf, parameter, batch)); });
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, op, "memory for the shares of {} could not be had", parameter.name);
}

}  // namespace

void per_example_gradients(const TapeCore& tape, const ParameterCore& parameter, std::int64_t batch, void* out) {
  with_shares(tape, parameter, batch, [&]<class T>(Shares<T>&& shares) {
    for (std::int64_t i = 0; i < batch; ++i) shares.share(i, static_cast<T*>(out) + i * parameter.shape.size());
  });
}

void add_per_example_squares(const TapeCore& tape, const ParameterCore& parameter, std::span<double> sums) {
  const auto batch = static_cast<std::int64_t>(sums.size());
  with_shares(tape, parameter, batch, [&](auto shares) {
    for (std::int64_t i = 0; i < batch; ++i) sums[static_cast<std::size_t>(i)] += shares.squares(i);
  });
}

std::vector<double> zeros_for(std::int64_t batch) {
  require(batch >= 0, ErrorCode::bad_argument, op, "the batch must not be negative; given {}", batch);
  return std::vector<double>(static_cast<std::size_t>(batch));
}

void take_roots(std::span<double> sums) {
  for (double& sum : sums) sum = std::sqrt(sum);
}

}  // namespace unspool::detail
