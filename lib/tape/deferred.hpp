// Deferred: the parameter gradients that the walk queues instead of computing one step at a time.
//
// The gradient of a parameter used at T steps is a sum of T small products; adding them one by one re-reads and
// re-writes the whole gradient every time. A queue collects the steps' rows and flushes them as one product
// Σ_t a_tᵀ b_t = [a_1; a_2; ...]ᵀ [b_1; b_2; ...], in recording order.
#pragma once

#include <vector>

#include "unspool/extend.hpp"

namespace unspool::detail {

class Deferred {
 public:
  /// One step's rows: a is [rows, m], b is [rows, n]; a column sum has only b, an embedding has ids and b.
  struct Entry {
    const void* a = nullptr;
    const void* b = nullptr;
    const std::int64_t* ids = nullptr;
    std::int64_t rows = 0;
    std::uint32_t node = 0;  // whose rule queued it
  };
  enum class Kind : std::uint8_t { product, columns, rows };

  void push(TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m, std::int64_t n, const Entry& entry);
  /// Adds every queue to its parameter's gradient and empties it.
  void flush(TapeCore& tape);
  /// Time to flush: the rows take more than `cap` bytes, or a queue is as long as the product reads at a stretch, while
  /// what was queued is still in the cache.
  bool full(std::int64_t cap) const { return stretch_done_ || queued_bytes_ > cap; }
  void clear();
  void restart_counts() { flushes_ = entries_ = 0; }
  std::int64_t flushes() const { return flushes_; }
  std::int64_t entries() const { return entries_; }

 private:
  struct Queue {
    Kind kind = Kind::product;
    std::uint32_t target = 0;
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t rows = 0;
    std::vector<Entry> entries;
  };

  static void keep_steps(TapeCore& tape, const Queue& queue);
  template <class T>
  void flush_queue(TapeCore& tape, Queue& queue);

  std::vector<Queue> queues_;  // the first `used_` are in use; the others keep their memory
  std::size_t used_ = 0;
  std::int64_t queued_bytes_ = 0;
  bool stretch_done_ = false;
  std::int64_t flushes_ = 0;
  std::int64_t entries_ = 0;
};

}  // namespace unspool::detail
