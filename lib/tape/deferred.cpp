#include "tape/deferred.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "base/with_scalar.hpp"
#include "tape/tape_core.hpp"
#include "tensor/gemm.hpp"

namespace unspool::detail {

Deferred::Queue& Deferred::queue_of(const TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m,
                                    std::int64_t n) {
  const auto is_it = [&](const Queue& q) { return q.target == target && q.kind == kind && q.m == m && q.n == n; };
  // A tape has few parameters, and the one used last is likely the one used now.
  std::size_t& at = last_[static_cast<std::size_t>(kind)];
  if (at < used_ && is_it(queues_[at])) return queues_[at];
  for (at = 0; at < used_ && !is_it(queues_[at]);) ++at;
  if (at == used_) {
    if (used_ == queues_.size()) queues_.emplace_back();
    Queue& fresh = queues_[used_++];
    fresh.kind = kind;
    fresh.target = target;
    fresh.m = m;
    fresh.n = n;
    // As many as the product reads at a time, C being read and written once for them; fewer where they take much memory.
    const std::int64_t row_bytes = std::max<std::int64_t>((m + n) * tape.bytes_each(), 1);
    fresh.whole = std::clamp<std::int64_t>(tape.options().deferred_bytes / row_bytes, 1, kernels::gemm_k_block);
    fresh.rows = 0;
    fresh.head = 0;
    fresh.entries.clear();
  }
  return queues_[at];
}

// Rows of steps that were recorded from the last to the first come one step at a time, in the order of the walk.
void Deferred::push(TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m, std::int64_t n,
                    const Entry& entry) {
  Queue& queue = queue_of(tape, kind, target, m, n);
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
  Waiting waiting{entry};
  waiting.visit = tape.visits();
  if (before == queue.entries.end())
    queue.entries.push_back(waiting);
  else
    queue.entries.insert(before, waiting);
  queue.rows += entry.rows;
  if (stretch_done_ || queue.rows < queue.whole) return;
  stretch_done_ = true;
  done_at_ = tape.visits();
}

bool Deferred::flush(TapeCore& tape, bool all, bool in_place) {
  while (take_stretches(all)) {
    with_scalar(tape.type(), [&]<class T>() { add_stretches<T>(tape); });
    for (std::size_t i = 0; i < used_; ++i) {
      Queue& queue = queues_[i];
      while (queue.head < queue.entries.size() && queue.entries[queue.head].rows == 0)
        give_back(tape, queue.entries[queue.head++]);
    }
  }
  bool done = true;
  fresh_.clear();
  for (std::size_t i = 0; i < used_; ++i) {
    Queue& queue = queues_[i];
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

// A stretch of every queue that has one, or, if `all`, what it has. The first rows to come are the last ones of the
// entry queued first.
bool Deferred::take_stretches(bool all) {
  bool any = false;
  for (std::size_t i = 0; i < used_; ++i) {
    Queue& queue = queues_[i];
    queue.stretch.clear();
    queue.stretch_rows = queue.rows >= queue.whole ? queue.whole : all ? queue.rows : 0;
    queue.rows -= queue.stretch_rows;
    std::int64_t rows = queue.stretch_rows;
    for (std::size_t k = queue.head; rows > 0; ++k) {
      Waiting& entry = queue.entries[k];
      const std::int64_t taken = std::min(rows, entry.rows);
      entry.rows -= taken;
      rows -= taken;
      queue.stretch.push_back({&entry, entry.rows, taken});
    }
    flushes_ += queue.stretch_rows > 0;
    any |= queue.stretch_rows > 0;
  }
  return any;
}

std::int64_t Deferred::part_bytes(const TapeCore& tape, const Queue& queue, int part, std::int64_t rows) {
  return part == 2 ? rows * 8 : rows * (part == 0 ? queue.m : queue.n) * tape.bytes_each();
}

void Deferred::copy(TapeCore& tape, Queue& queue, Waiting& entry, int part) {
  constexpr std::size_t looked_at = 64;
  const void* from = part == 0 ? entry.a : part == 1 ? entry.b : entry.ids;
  if (from == nullptr || entry.copies[part] != nullptr) return;
  const std::int64_t bytes = part_bytes(tape, queue, part, entry.rows) + static_cast<std::int64_t>(sizeof(Copy));
  Copy* copy = nullptr;
  for (std::size_t i = fresh_.size(); i-- > 0 && i + looked_at >= fresh_.size() && copy == nullptr;)
    if (fresh_[i].from == from && fresh_[i].copy->bytes >= bytes) copy = fresh_[i].copy;
  if (copy == nullptr) {
    fresh_.reserve(fresh_.size() + 1);
    copy = ::new (tape.pool().take(bytes)) Copy{bytes, 0};
    copied_bytes_ += GradientPool::granted_bytes(bytes);
    std::memcpy(copy + 1, from, static_cast<std::size_t>(bytes) - sizeof(Copy));
    fresh_.push_back({from, copy});
  }
  ++copy->owners;
  void* const to = copy + 1;
  entry.copies[part] = to;
  if (part == 0) entry.a = to;
  if (part == 1) entry.b = to;
  if (part == 2) entry.ids = static_cast<const std::int64_t*>(to);
}

void Deferred::give_back(TapeCore& tape, Waiting& entry) noexcept {
  for (void*& part : entry.copies) {
    if (part == nullptr) continue;
    Copy* const copy = static_cast<Copy*>(std::exchange(part, nullptr)) - 1;
    if (--copy->owners > 0) continue;
    copied_bytes_ -= GradientPool::granted_bytes(copy->bytes);
    tape.pool().give_back(copy, copy->bytes);
  }
}

void Deferred::detach(TapeCore& tape, Range memory) {
  const auto inside = [&](const void* p) {
    return p != nullptr && !std::less<>()(p, memory.begin) && std::less<>()(p, memory.end);
  };
  fresh_.clear();
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
    for (Waiting& entry : queues_[i].entries) give_back(tape, entry);
  clear();
}

void Deferred::clear() {
  for (std::size_t i = 0; i < used_; ++i) queues_[i].entries.clear();
  used_ = 0;
  copied_bytes_ = 0;
  stretch_done_ = false;
}

// Products that share their left rows, as those of W_ih and W_hh share a cell's gate gradients, are made together.
template <class T>
void Deferred::add_stretches(TapeCore& tape) {
  for (std::size_t i = 0; i < used_; ++i) {
    Queue& queue = queues_[i];
    if (queue.stretch_rows == 0 || queue.kind != Kind::product) continue;
    queue.a = matrix<T>(tape, queue, &Entry::a, queue.m);
    queue.b = matrix<T>(tape, queue, &Entry::b, queue.n);
  }
  for (std::size_t i = 0; i < used_; ++i) {
    if (queues_[i].stretch_rows == 0) continue;
    if (queues_[i].kind == Kind::product) add_products<T>(tape, i);
    if (queues_[i].kind == Kind::columns) add_columns<T>(tape, queues_[i]);
    if (queues_[i].kind == Kind::rows) add_rows<T>(tape, queues_[i]);
  }
}

template <class T>
void Deferred::add_products(TapeCore& tape, std::size_t first) {
  const Queue& lead = queues_[first];
  const std::int64_t rows = lead.stretch_rows;
  kernels::RightFactor<T> factors[4];
  std::size_t count = 0;
  for (std::size_t i = first; i < used_ && count < std::size(factors); ++i) {
    Queue& queue = queues_[i];
    if (queue.stretch_rows != rows || queue.kind != Kind::product || queue.m != lead.m || queue.a != lead.a) continue;
    const Touched t = tape.touch(queue.target);
    factors[count++] = {queue.n, static_cast<const T*>(queue.b.data), queue.b.stride, !t.first,
                        static_cast<T*>(t.data)};
    queue.stretch_rows = 0;
  }
  kernels::gemm_same_left<T>(true, lead.m, rows, static_cast<const T*>(lead.a.data), lead.a.stride,
                             std::span<const kernels::RightFactor<T>>(factors, count), tape.workspace());
}

template <class T>
void Deferred::add_columns(TapeCore& tape, const Queue& queue) {
  const Touched t = tape.touch(queue.target);
  const auto add = [&](std::int64_t rows, const void* from, std::int64_t stride, bool accumulate) {
    kernels::kernel_table<T>().column_sums(rows, queue.n, static_cast<const T*>(from), stride, static_cast<T*>(t.data),
                                           accumulate);
  };
  if (const Matrix all = evenly_spaced<T>(queue, &Entry::b, queue.n); all.data != nullptr)
    return add(queue.stretch_rows, all.data, all.stride, !t.first);
  for (std::size_t i = 0; i < queue.stretch.size(); ++i)
    add(piece(queue, i).rows, first_row<T>(queue, i, &Entry::b, queue.n), queue.n, i > 0 || !t.first);
}

template <class T>
void Deferred::add_rows(TapeCore& tape, const Queue& queue) {
  T* const table = static_cast<T*>(tape.zeroed(queue.target));
  for (std::size_t i = 0; i < queue.stretch.size(); ++i) {
    const Piece& p = piece(queue, i);
    const T* const rows = first_row<T>(queue, i, &Entry::b, queue.n);
    for (std::int64_t r = 0; r < p.rows; ++r)
      kernels::kernel_table<T>().copy_grad(queue.n, rows + r * queue.n, table + p.entry->ids[p.first + r] * queue.n,
                                           true);
  }
}

// The walk goes from the last step to the first: pieces are in time order from the back.
const Deferred::Piece& Deferred::piece(const Queue& queue, std::size_t i) {
  return queue.stretch[queue.stretch.size() - 1 - i];
}

template <class T>
const T* Deferred::first_row(const Queue& queue, std::size_t i, const void* Entry::*part, std::int64_t width) {
  const Piece& p = piece(queue, i);
  return static_cast<const T*>(p.entry->*part) + p.first * width;
}

// A stretch's rows where they lie. No data unless they are at equal distances in time order.
template <class T>
Deferred::Matrix Deferred::evenly_spaced(const Queue& queue, const void* Entry::*part, std::int64_t width) {
  const std::size_t pieces = queue.stretch.size();
  const bool single = pieces > 1 && piece(queue, 0).rows == 1;
  const T* at = first_row<T>(queue, 0, part, width);
  const Matrix rows{at, single ? first_row<T>(queue, 1, part, width) - at : width};
  bool even = rows.stride >= width;
  for (std::size_t i = 0; even && i < pieces; at += piece(queue, i++).rows * rows.stride)
    even = first_row<T>(queue, i, part, width) == at && (rows.stride == width || piece(queue, i).rows == 1);
  return even ? rows : Matrix();
}

// The same, side by side in scratch where they lie unevenly.
template <class T>
Deferred::Matrix Deferred::matrix(TapeCore& tape, const Queue& queue, const void* Entry::*part, std::int64_t width) {
  if (const Matrix rows = evenly_spaced<T>(queue, part, width); rows.data != nullptr) return rows;
  T* const packed = static_cast<T*>(tape.temporary(queue.stretch_rows * width * static_cast<std::int64_t>(sizeof(T))));
  T* out = packed;
  for (std::size_t i = 0; i < queue.stretch.size(); ++i)
    out = std::copy_n(first_row<T>(queue, i, part, width), piece(queue, i).rows * width, out);
  return {packed, width};
}

}  // namespace unspool::detail
