// Reading the ledger: a step's share is multiplied out again from what the walk kept.
#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/with_scalar.hpp"
#include "tape/packed_steps.hpp"
#include "tape/tape_core.hpp"
#include "tensor/gemm.hpp"
#include "tensor/kernels.hpp"
#include "unspool/ledger.hpp"
#include "unspool/maths.hpp"

namespace unspool::detail {
namespace {

// The shares of one parameter, by step.
template <class T>
class Shares {
 public:
  Shares(const TapeCore& tape, std::uint32_t leaf, std::int64_t size) : size_(size), steps_of_rows_(tape) {
    for (const StepLedger::Queued& q : tape.ledger().queued())
      if (q.target == leaf) add_queued(q);
    for (const StepLedger::Direct& d : tape.ledger().direct())
      if (d.target == leaf) direct_.push_back(&d);
    std::ranges::stable_sort(queued_, {}, &StepLedger::Queued::step);
    std::ranges::stable_sort(direct_, {}, &StepLedger::Direct::step);
    for (const auto& q : queued_) steps_.push_back(q.step);
    for (const auto* d : direct_) steps_.push_back(d->step);
    std::ranges::sort(steps_);
    steps_.erase(std::unique(steps_.begin(), steps_.end()), steps_.end());
  }

  const std::vector<std::int64_t>& steps() const { return steps_; }

  void share(std::int64_t step, T* out) {
    std::fill_n(out, size_, T{0});
    for (const StepLedger::Queued& q : std::ranges::equal_range(queued_, step, {}, &StepLedger::Queued::step))
      add(q, out);
    for (const StepLedger::Direct* d : std::ranges::equal_range(direct_, step, {}, &StepLedger::Direct::step))
      kernels::kernel_table<T>().copy_grad(size_, static_cast<const T*>(d->sum), out, true);
  }

  std::vector<StepShare> run() {
    std::vector<T> share_of_step(static_cast<std::size_t>(size_));
    std::vector<double> sum(static_cast<std::size_t>(size_));
    std::vector<StepShare> rows(steps_.size());
    for (std::size_t i = rows.size(); i-- > 0;) {
      share(steps_[i], share_of_step.data());
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += maths::value(share_of_step[k]);
      rows[i].step = steps_[i];
      rows[i].norm = norm_of(scalar_type<T>, share_of_step.data(), size_);
      rows[i].running_norm = norm_of(ScalarType::float64, sum.data(), size_);
    }
    const std::vector<T> whole(sum.begin(), sum.end());
    for (StepShare& row : rows) {
      share(row.step, share_of_step.data());
      row.dot = maths::value(kernels::kernel_table<T>().dot(size_, share_of_step.data(), whole.data()));
      const double norms = row.norm * rows.front().running_norm;
      row.cosine = norms > 0 ? std::clamp(row.dot / norms, -1.0, 1.0) : 0;
    }
    return rows;
  }

 private:
  // Of packed rows, each step's on its own.
  void add_queued(const StepLedger::Queued& q) {
    const Labels::PackedRows& packed = q.packed;
    if (packed.count == 0 || packed.count != q.entry.rows) return queued_.push_back(q);
    StepLedger::Queued part = q;
    const std::int64_t end = packed.first + packed.count;
    steps_of_rows_.for_each(packed, packed.first, end,
                            [&](std::int64_t t, std::int64_t, std::int64_t from, std::int64_t to) {
                              part.step = t;
                              part.entry.rows = to - from;
                              queued_.push_back(part);
                              if (part.entry.a != nullptr)
                                part.entry.a = static_cast<const T*>(part.entry.a) + part.entry.rows * q.m;
                              part.entry.b = static_cast<const T*>(part.entry.b) + part.entry.rows * q.n;
                              if (part.entry.ids != nullptr) part.entry.ids += part.entry.rows;
                            });
  }

  void add(const StepLedger::Queued& q, T* out) {
    const T* b = static_cast<const T*>(q.entry.b);
    if (q.kind == Deferred::Kind::product)
      kernels::gemm<T>(true, false, q.m, q.n, q.entry.rows, static_cast<const T*>(q.entry.a), q.m, b, q.n, true, out,
                       q.n, workspace_);
    else if (q.kind == Deferred::Kind::columns)
      kernels::kernel_table<T>().column_sums(q.entry.rows, q.n, b, q.n, out, true);
    else
      for (std::int64_t r = 0; r < q.entry.rows; ++r)
        kernels::kernel_table<T>().copy_grad(q.n, b + r * q.n, out + q.entry.ids[r] * q.n, true);
  }

  std::int64_t size_;
  PackedSteps steps_of_rows_;
  std::vector<StepLedger::Queued> queued_;         // ordered by step
  std::vector<const StepLedger::Direct*> direct_;  // ordered by step
  std::vector<std::int64_t> steps_;
  kernels::Workspace workspace_;
};

// Calls read(Shares) for the parameter's leaf, or not at all where the tape has none.
template <class Read>
void with_shares(const TapeCore& tape, const ParameterCore& parameter, Read read) try {
  const std::uint32_t leaf = ledger_leaf(tape, parameter, "step_shares");
  if (leaf == TapeCore::no_node) return;
  with_scalar(tape.type(), [&]<class T>() { read(Shares<T>(tape, leaf, parameter.shape.size())); });
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "step_shares", "memory for the shares of {} could not be had", parameter.name);
}

}  // namespace

std::uint32_t ledger_leaf(const TapeCore& tape, const ParameterCore& parameter, const char* op) {
  require(tape.options().step_ledger, ErrorCode::no_gradient, op,
          "the tape must keep a ledger; make it with TapeOptions::step_ledger");
  require(tape.ledger().is_complete(), ErrorCode::no_gradient, op, "backward() has not been run");
  return tape.unchanged_leaf(parameter, op);
}

// During a visit a parameter's gradient is the step's own sum.
Touched TapeCore::touch_ledger(std::uint32_t leaf) {
  if (const StepLedger::Direct* begun = ledger_.find(leaf)) return {begun->sum, false};
  const std::int64_t bytes = nodes_[leaf].size() * bytes_each();
  ledger_.reserve_direct();
  return {ledger_.add(leaf, pool_.take(bytes), bytes).sum, true};
}

// The steps' sums reach the parameters; what was queued does so at the flush that follows.
void TapeCore::complete_ledger() {
  ledger_.end_visit();
  for (const StepLedger::Direct& d : ledger_.direct()) {
    const Touched t = touch(d.target);
    copy_gradient(nodes_[d.target].size(), d.sum, t.data, !t.first);
  }
  ledger_.complete();
}

void TapeCore::forget_ledger() noexcept {
  if (!options_.step_ledger) return;
  for (const StepLedger::Direct& d : ledger_.direct()) pool_.give_back(d.sum, d.bytes);
  ledger_.restart();
  release_held();
}

bool TapeCore::parameters_changed() const {
  return std::ranges::any_of(leaves_, [](const Leaf& leaf) { return leaf.version != leaf.parameter->version; });
}

std::uint32_t TapeCore::unchanged_leaf(const ParameterCore& parameter, const char* op) const {
  std::uint32_t found = no_node;
  for (const Leaf& leaf : leaves_) {
    require(leaf.version == leaf.parameter->version, ErrorCode::parameter_changed, op,
            "{} was written after this tape walked back; ask before that", leaf.parameter->name);
    if (leaf.parameter.get() == &parameter) found = leaf.node;
  }
  return found;
}

std::vector<StepShare> step_shares(const TapeCore& tape, const ParameterCore& parameter) {
  std::vector<StepShare> rows;
  with_shares(tape, parameter, [&](auto shares) { rows = shares.run(); });
  return rows;
}

void step_share(const TapeCore& tape, const ParameterCore& parameter, std::int64_t step, void* out) {
  with_shares(tape, parameter, [&]<class T>(Shares<T>&& shares) { shares.share(step, static_cast<T*>(out)); });
}

}  // namespace unspool::detail
