#include "tape/deferred.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "base/with_scalar.hpp"
#include "tape/tape_core.hpp"
#include "tensor/gemm.hpp"

namespace unspool::detail {

Deferred::Queue& Deferred::other_queue(const TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m,
                                       std::int64_t n) {
  std::size_t& at = last_[static_cast<std::size_t>(kind)];
  for (at = 0; at < used_ && !queues_[at].is(kind, target, m, n);) ++at;
  if (at == used_) {
    if (used_ == queues_.size()) queues_.emplace_back();
    Queue& fresh = queues_[used_++];
    fresh.kind = kind;
    fresh.target = target;
    fresh.m = m;
    fresh.n = n;
    fresh.a_bytes = m * tape.bytes_each();
    fresh.b_bytes = n * tape.bytes_each();
    // As many as the product reads at a time, C being read and written once for them; fewer where they take much memory.
    fresh.whole = std::clamp<std::int64_t>(
        tape.options().deferred_bytes / std::max<std::int64_t>(fresh.a_bytes + fresh.b_bytes, 1), 1,
        kernels::gemm_k_block);
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
    if (packed.count == entry.rows && join(tape, queue, entry)) return count_rows(tape, queue, entry.rows);
    // A rule that queues several parts begins with its first rows, and the walk comes from the last.
    auto place = queue.entries.end();
    while (place != queue.entries.begin() && (place - 1)->visit == tape.visits()) place = part(queue, place - 1);
    return append(tape, queue, entry, place);
  }
  const Node& layout = tape.node(packed.layout);
  std::int64_t first = 0;
  const auto add_step = [&](std::int64_t, std::int64_t rows) {
    const std::int64_t from = std::max(first, packed.first);
    const std::int64_t to = std::min(first += rows, packed.first + packed.count);
    if (from >= to) return;
    const std::int64_t skipped = from - packed.first;
    Entry part = entry;
    part.rows = to - from;
    if (entry.a != nullptr) part.a = static_cast<const std::byte*>(entry.a) + skipped * queue.a_bytes;
    part.b = static_cast<const std::byte*>(entry.b) + skipped * queue.b_bytes;
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
  count_rows(tape, queue, entry.rows);
}

void Deferred::count_rows(const TapeCore& tape, Queue& queue, std::int64_t rows) {
  queue.rows += rows;
  if (stretch_done_ || queue.rows < queue.whole) return;
  stretch_done_ = true;
  done_at_ = tape.visits();
}

// All rows of a step that lie just before those of the step that came last make one entry with them: a stretch is then
// one matrix, and not hundreds of rows to line up.
bool Deferred::join(const TapeCore& tape, Queue& queue, const Entry& entry) {
  if (queue.entries.size() == queue.head || entry.ids != nullptr) return false;
  Waiting& last = queue.entries.back();
  const auto end = [&](const void* begin, std::int64_t row_bytes) -> const void* {
    return begin == nullptr ? nullptr : static_cast<const std::byte*>(begin) + entry.rows * row_bytes;
  };
  if (last.visit == tape.visits() || last.ids != nullptr || end(entry.a, queue.a_bytes) != last.a ||
      end(entry.b, queue.b_bytes) != last.b || last.copies[0] != nullptr || last.copies[1] != nullptr)
    return false;
  last.a = entry.a;
  last.b = entry.b;
  last.rows += entry.rows;
  last.visit = tape.visits();
  last.joined = entry.rows;
  return true;
}

// What the visit under way joined stands alone again: the same rule has queued more, which is to stand before it.
std::vector<Deferred::Waiting>::iterator Deferred::part(Queue& queue, std::vector<Waiting>::iterator entry) {
  if (entry->joined == 0) return entry;
  Waiting own = *entry;
  own.rows = std::exchange(own.joined, 0);
  entry->joined = 0;
  if (entry->a != nullptr) entry->a = static_cast<const std::byte*>(entry->a) + own.rows * queue.a_bytes;
  entry->b = static_cast<const std::byte*>(entry->b) + own.rows * queue.b_bytes;
  entry->rows -= own.rows;
  entry->visit = 0;
  return queue.entries.insert(entry + 1, own);
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

std::int64_t Deferred::part_bytes(const Queue& queue, int part, std::int64_t rows) {
  return rows * (part == 0 ? queue.a_bytes : part == 1 ? queue.b_bytes : 8);
}

void Deferred::copy(TapeCore& tape, Queue& queue, Waiting& entry, int part) {
  constexpr std::size_t looked_at = 64;
  const void* from = part == 0 ? entry.a : part == 1 ? entry.b : entry.ids;
  if (from == nullptr || entry.copies[part] != nullptr) return;
  const std::int64_t bytes = part_bytes(queue, part, entry.rows) + static_cast<std::int64_t>(sizeof(Copy));
  Copy* copy = nullptr;
  for (std::size_t i = fresh_.size(); i-- > 0 && i + looked_at >= fresh_.size() && copy == nullptr;)
    if (fresh_[i].from == from && fresh_[i].copy->bytes >= bytes) copy = fresh_[i].copy;
  if (copy == nullptr) {
    if (fresh_.size() == fresh_.capacity()) fresh_.reserve(2 * fresh_.size() + 8);
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
  const auto inside = [&](const Queue& queue, const Waiting& entry, const void* p, int part) {
    const void* const end = static_cast<const std::byte*>(p) + part_bytes(queue, part, entry.rows);
    return p != nullptr && std::less<>()(memory.begin, end) && std::less<>()(p, memory.end);
  };
  fresh_.clear();
  for (std::size_t i = 0; i < used_; ++i) {
    Queue& queue = queues_[i];
    for (std::size_t k = queue.head; k < queue.entries.size(); ++k) {
      Waiting& entry = queue.entries[k];
      if (inside(queue, entry, entry.a, 0)) copy(tape, queue, entry, 0);
      if (inside(queue, entry, entry.b, 1)) copy(tape, queue, entry, 1);
      if (inside(queue, entry, entry.ids, 2)) copy(tape, queue, entry, 2);
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

}  // namespace unspool::detail
