#include "tape/deferred.hpp"

#include <algorithm>

#include "base/with_scalar.hpp"
#include "tape/tape_core.hpp"
#include "tensor/gemm.hpp"

namespace unspool::detail {
namespace {

// A queue's rows as one matrix with a single leading dimension.
template <class T>
struct Rows {
  const T* data;
  std::int64_t stride;
};

// In place where the steps' rows are already evenly spaced in time order, packed otherwise. Entries were pushed by a
// walk from the last step to the first, so time order is from the back.
template <class T>
Rows<T> gather_rows(TapeCore& tape, const std::vector<Deferred::Entry>& entries, const void* Deferred::Entry::*rows_of,
                    std::int64_t width, std::int64_t rows) {
  const auto entry = [&](std::size_t i) -> const Deferred::Entry& { return entries[entries.size() - 1 - i]; };
  const auto at = [&](std::size_t i) { return static_cast<const T*>(entry(i).*rows_of); };
  const std::int64_t each = entry(0).rows;
  const std::ptrdiff_t spacing = entries.size() > 1 ? at(1) - at(0) : each * width;
  bool even = each == 1 ? spacing >= width : spacing == each * width;
  for (std::size_t i = 0; even && i < entries.size(); ++i)
    even = entry(i).rows == each && at(i) == at(0) + static_cast<std::ptrdiff_t>(i) * spacing;
  if (even) return {at(0), each == 1 ? spacing : width};
  T* packed = static_cast<T*>(tape.temporary(rows * width * static_cast<std::int64_t>(sizeof(T))));
  T* out = packed;
  for (std::size_t i = 0; i < entries.size(); ++i) out = std::copy_n(at(i), entry(i).rows * width, out);
  return {packed, width};
}

}  // namespace

void Deferred::push(TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m, std::int64_t n,
                    const Entry& entry) {
  // A tape has few parameters, and the one used last is likely the one used now.
  std::size_t at = 0;
  while (at < used_ &&
         !(queues_[at].target == target && queues_[at].kind == kind && queues_[at].m == m && queues_[at].n == n))
    ++at;
  if (at == used_) {
    if (used_ == queues_.size()) queues_.emplace_back();
    Queue& fresh = queues_[used_++];
    fresh.kind = kind;
    fresh.target = target;
    fresh.m = m;
    fresh.n = n;
    fresh.rows = 0;
    fresh.entries.clear();
  }
  Queue& queue = queues_[at];
  queue.entries.push_back(entry);
  queue.rows += entry.rows;
  queued_bytes_ += entry.rows * (m + n) * tape.bytes_each();
  // The next entry will likely have as many rows. Longer products gain nothing: C is read and written once a stretch.
  if (kind == Kind::product && queue.rows + entry.rows > kernels::gemm_k_block) stretch_done_ = true;
  ++entries_;
}

void Deferred::flush(TapeCore& tape) {
  for (std::size_t i = 0; i < used_; ++i) {
    with_scalar(tape.type(), [&]<class T>() { flush_queue<T>(tape, queues_[i]); });
    if (tape.options().step_ledger) keep_steps(tape, queues_[i]);
    ++flushes_;
  }
  clear();
}

void Deferred::keep_steps(TapeCore& tape, const Queue& queue) {
  for (const Entry& entry : queue.entries) {
    const Labels::Context& at = tape.labels().context(tape.node(entry.node).context);
    tape.ledger().keep({queue.target, queue.kind, at.step, queue.m, queue.n, at.packed, entry});
  }
}

void Deferred::clear() {
  used_ = 0;
  queued_bytes_ = 0;
  stretch_done_ = false;
}

template <class T>
void Deferred::flush_queue(TapeCore& tape, Queue& queue) {
  const auto& entries = queue.entries;
  if (queue.kind == Kind::product) {
    const Rows<T> a = gather_rows<T>(tape, entries, &Entry::a, queue.m, queue.rows);
    const Rows<T> b = gather_rows<T>(tape, entries, &Entry::b, queue.n, queue.rows);
    const Touched t = tape.touch(queue.target);
    kernels::gemm<T>(true, false, queue.m, queue.n, queue.rows, a.data, a.stride, b.data, b.stride, !t.first,
                     static_cast<T*>(t.data), queue.n, tape.workspace());
  } else if (queue.kind == Kind::columns) {
    const Touched t = tape.touch(queue.target);
    bool accumulate = !t.first;
    for (std::size_t i = entries.size(); i-- > 0; accumulate = true)
      kernels::kernel_table<T>().column_sums(entries[i].rows, queue.n, static_cast<const T*>(entries[i].b), queue.n,
                                             static_cast<T*>(t.data), accumulate);
  } else {
    T* table = static_cast<T*>(tape.zeroed(queue.target));
    for (std::size_t i = entries.size(); i-- > 0;)
      for (std::int64_t r = 0; r < entries[i].rows; ++r)
        kernels::kernel_table<T>().copy_grad(queue.n, static_cast<const T*>(entries[i].b) + r * queue.n,
                                             table + entries[i].ids[r] * queue.n, true);
  }
}

}  // namespace unspool::detail
