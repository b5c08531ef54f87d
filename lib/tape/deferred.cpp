#include "tape/deferred.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

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

// In place where the rows are evenly spaced in time order, packed otherwise. The walk goes from the last step to the
// first, so time order is from the back. `entries` are the pieces of a stretch.
template <class T, class Pieces>
Rows<T> gather_rows(TapeCore& tape, const Pieces& pieces, const void* Deferred::Entry::*rows_of, std::int64_t width,
                    std::int64_t rows) {
  const auto piece = [&](std::size_t i) -> const auto& { return pieces[pieces.size() - 1 - i]; };
  const auto at = [&](std::size_t i) {
    return static_cast<const T*>(piece(i).entry->*rows_of) + piece(i).first * width;
  };
  const std::int64_t each = piece(0).rows;
  const std::ptrdiff_t spacing = pieces.size() > 1 ? at(1) - at(0) : each * width;
  bool even = each == 1 ? spacing >= width : spacing == each * width;
  for (std::size_t i = 0; even && i < pieces.size(); ++i)
    even = piece(i).rows == each && at(i) == at(0) + static_cast<std::ptrdiff_t>(i) * spacing;
  if (even) return {at(0), each == 1 ? spacing : width};
  T* packed = static_cast<T*>(tape.temporary(rows * width * static_cast<std::int64_t>(sizeof(T))));
  T* out = packed;
  for (std::size_t i = 0; i < pieces.size(); ++i) out = std::copy_n(at(i), piece(i).rows * width, out);
  return {packed, width};
}

}  // namespace

Deferred::Queue& Deferred::queue_of(Kind kind, std::uint32_t target, std::int64_t m, std::int64_t n) {
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
    fresh.head = 0;
    fresh.entries.clear();
  }
  return queues_[at];
}

// Rows of steps that were recorded from the last to the first come one step at a time, in the order of the walk.
void Deferred::push(TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m, std::int64_t n,
                    const Entry& entry) {
  Queue& queue = queue_of(kind, target, m, n);
  ++entries_;
  const Labels::Context& at = tape.labels().context(tape.node(entry.node).context);
  const Labels::PackedRows& packed = at.packed;
  if (tape.options().step_ledger) tape.ledger().keep({target, kind, at.step, m, n, packed, entry});
  if (!packed.reversed || packed.count != entry.rows) {
    // A rule that queues several parts begins with its first rows, and the walk comes from the last.
    auto place = queue.entries.end();
    while (place != queue.entries.begin() && (place - 1)->visit == tape.visits()) --place;
    return append(tape, queue, entry, place);
  }
  const Node& layout = tape.node(packed.layout);
  const std::int64_t each = tape.bytes_each();
  std::int64_t first = 0;
  const auto add_step = [&](std::int64_t, std::int64_t rows) {
    const std::int64_t from = std::max(first, packed.first);
    const std::int64_t to = std::min(first += rows, packed.first + packed.count);
    if (from >= to) return;
    const std::int64_t skipped = from - packed.first;
    Entry part = entry;
    part.rows = to - from;
    if (entry.a != nullptr) part.a = static_cast<const std::byte*>(entry.a) + skipped * m * each;
    part.b = static_cast<const std::byte*>(entry.b) + skipped * n * each;
    if (entry.ids != nullptr) part.ids = entry.ids + skipped;
    append(tape, queue, part, queue.entries.end());
  };
  for_each_packed_step({layout.attrs(), static_cast<std::size_t>(layout.attr_count())}, add_step);
}

void Deferred::append(const TapeCore& tape, Queue& queue, const Entry& entry, std::vector<Waiting>::iterator before) {
  Waiting waiting;
  static_cast<Entry&>(waiting) = entry;
  waiting.visit = tape.visits();
  queue.entries.insert(before, waiting);
  queue.rows += entry.rows;
  if (queue.rows >= stretch_rows(tape, queue)) stretch_done_ = true;
}

// As many as the product reads at a time, C being read and written once for them; fewer where they take much memory.
std::int64_t Deferred::stretch_rows(const TapeCore& tape, const Queue& queue) {
  const std::int64_t row_bytes = std::max<std::int64_t>((queue.m + queue.n) * tape.bytes_each(), 1);
  return std::clamp<std::int64_t>(tape.options().deferred_bytes / row_bytes, 1, kernels::gemm_k_block);
}

bool Deferred::flush(TapeCore& tape, bool all, bool in_place) {
  bool done = true;
  for (std::size_t i = 0; i < used_; ++i) {
    Queue& queue = queues_[i];
    const std::int64_t whole = stretch_rows(tape, queue);
    while (queue.rows >= whole || (all && queue.rows > 0)) {
      const std::int64_t rows = std::min(whole, queue.rows);
      take_stretch(queue, rows);
      with_scalar(tape.type(), [&]<class T>() { add_stretch<T>(tape, queue, rows); });
      ++flushes_;
      while (queue.head < queue.entries.size() && queue.entries[queue.head].rows == 0)
        give_back(tape, queue, queue.entries[queue.head++]);
    }
    queue.entries.erase(queue.entries.begin(), queue.entries.begin() + static_cast<std::ptrdiff_t>(queue.head));
    queue.head = 0;
    for (Waiting& left : queue.entries)
      for (int part = 0; part < 3 && !in_place; ++part) copy(tape, queue, left, part);
    done &= queue.entries.empty() || !in_place;
  }
  stretch_done_ = false;
  if (all) used_ = 0;
  return done;
}

// The first rows to come are the last ones of the entry queued first.
void Deferred::take_stretch(Queue& queue, std::int64_t rows) {
  stretch_.clear();
  queue.rows -= rows;
  for (std::size_t i = queue.head; rows > 0; ++i) {
    Waiting& entry = queue.entries[i];
    const std::int64_t taken = std::min(rows, entry.rows);
    entry.rows -= taken;
    rows -= taken;
    stretch_.push_back({&entry, entry.rows, taken});
  }
}

std::int64_t Deferred::part_bytes(const TapeCore& tape, const Queue& queue, int part, std::int64_t rows) {
  return part == 2 ? rows * 8 : rows * (part == 0 ? queue.m : queue.n) * tape.bytes_each();
}

void Deferred::copy(TapeCore& tape, Queue& queue, Waiting& entry, int part) {
  const void* from = part == 0 ? entry.a : part == 1 ? entry.b : entry.ids;
  if (from == nullptr || entry.copies[part] != nullptr) return;
  if (entry.copied == 0) entry.copied = entry.rows;
  const std::int64_t bytes = part_bytes(tape, queue, part, entry.copied);
  void* const to = tape.pool().take(bytes);
  entry.copies[part] = to;
  copied_bytes_ += GradientPool::granted_bytes(bytes);
  std::memcpy(to, from, static_cast<std::size_t>(part_bytes(tape, queue, part, entry.rows)));
  if (part == 0) entry.a = to;
  if (part == 1) entry.b = to;
  if (part == 2) entry.ids = static_cast<const std::int64_t*>(to);
}

void Deferred::give_back(TapeCore& tape, const Queue& queue, Waiting& entry) noexcept {
  for (int part = 0; part < 3; ++part) {
    if (entry.copies[part] == nullptr) continue;
    const std::int64_t bytes = part_bytes(tape, queue, part, entry.copied);
    tape.pool().give_back(entry.copies[part], bytes);
    copied_bytes_ -= GradientPool::granted_bytes(bytes);
    entry.copies[part] = nullptr;
  }
}

void Deferred::detach(TapeCore& tape, Range memory) {
  const auto inside = [&](const void* p) {
    return p != nullptr && !std::less<>()(p, memory.begin) && std::less<>()(p, memory.end);
  };
  for (std::size_t i = 0; i < used_; ++i) {
    Queue& queue = queues_[i];
    for (std::size_t k = queue.head; k < queue.entries.size(); ++k) {
      Waiting& entry = queue.entries[k];
      if (inside(entry.a)) copy(tape, queue, entry, 0);
      if (inside(entry.b)) copy(tape, queue, entry, 1);
      if (inside(entry.ids)) copy(tape, queue, entry, 2);
    }
  }
}

void Deferred::retarget(std::uint32_t from, std::uint32_t to) {
  for (std::size_t i = 0; i < used_; ++i)
    if (queues_[i].target == from) queues_[i].target = to;
}

void Deferred::abandon(TapeCore& tape) noexcept {
  for (std::size_t i = 0; i < used_; ++i)
    for (Waiting& entry : queues_[i].entries) give_back(tape, queues_[i], entry);
  clear();
}

void Deferred::clear() {
  for (std::size_t i = 0; i < used_; ++i) queues_[i].entries.clear();
  used_ = 0;
  copied_bytes_ = 0;
  stretch_done_ = false;
}

template <class T>
void Deferred::add_stretch(TapeCore& tape, const Queue& queue, std::int64_t rows) {
  if (queue.kind == Kind::product) {
    const Rows<T> a = gather_rows<T>(tape, stretch_, &Entry::a, queue.m, rows);
    const Rows<T> b = gather_rows<T>(tape, stretch_, &Entry::b, queue.n, rows);
    const Touched t = tape.touch(queue.target);
    kernels::gemm<T>(true, false, queue.m, queue.n, rows, a.data, a.stride, b.data, b.stride, !t.first,
                     static_cast<T*>(t.data), queue.n, tape.workspace());
    return;
  }
  const auto rows_of = [&](const Piece& piece) {
    return static_cast<const T*>(piece.entry->b) + piece.first * queue.n;
  };
  if (queue.kind == Kind::columns) {
    const Touched t = tape.touch(queue.target);
    bool accumulate = !t.first;
    for (std::size_t i = stretch_.size(); i-- > 0; accumulate = true)
      kernels::kernel_table<T>().column_sums(stretch_[i].rows, queue.n, rows_of(stretch_[i]), queue.n,
                                             static_cast<T*>(t.data), accumulate);
    return;
  }
  T* table = static_cast<T*>(tape.zeroed(queue.target));
  for (std::size_t i = stretch_.size(); i-- > 0;)
    for (std::int64_t r = 0; r < stretch_[i].rows; ++r)
      kernels::kernel_table<T>().copy_grad(queue.n, rows_of(stretch_[i]) + r * queue.n,
                                           table + stretch_[i].entry->ids[stretch_[i].first + r] * queue.n, true);
}

}  // namespace unspool::detail
