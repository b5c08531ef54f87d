// Deferred: the parameter gradients that the walk queues instead of computing one step at a time.
//
// The gradient of a parameter used at T steps is a sum of T small products; adding them one by one re-reads and
// re-writes the whole gradient every time. A queue collects the steps' rows and multiplies a stretch of them at once,
// Σ_t a_tᵀ b_t = [a_1; a_2; ...]ᵀ [b_1; b_2; ...], in recording order.
//
// A stretch is so many rows, counted from the last one recorded. Where an op's rows end does not matter, nor when the
// queues are flushed: the bits of a gradient depend on the rows alone, and so they are the same when a walk computes its
// steps anew, a few at a time.
#pragma once

#include <vector>

#include "tape/labels.hpp"
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
  /// Memory, by its first byte and the one past its last.
  struct Range {
    const void* begin;
    const void* end;
  };

  void push(TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m, std::int64_t n, const Entry& entry);
  /// Adds all whole stretches to their parameters' gradients; `all` adds the rest too. What is left is copied unless
  /// `in_place`: then false is returned if there is any.
  bool flush(TapeCore& tape, bool all, bool in_place);
  /// A stretch is complete: time to flush, while its rows are still in the cache.
  bool full() const { return stretch_done_; }
  /// One was complete before this visit of the walk. The node that is visited next may queue the rest of what shares a
  /// factor: the input projection of the steps whose rows completed the stretch.
  bool full_before(std::int64_t visit) const { return stretch_done_ && done_at_ < visit; }
  /// Copies the rows that lie there: the memory is about to be used for something else.
  void detach(TapeCore& tape, Range memory);
  /// A leaf has got another number.
  void retarget(std::uint32_t from, std::uint32_t to);
  /// Bytes of rows that were copied and wait.
  std::int64_t copied_bytes() const { return copied_bytes_; }
  /// Forgets all rows and gives copies back.
  void abandon(TapeCore& tape) noexcept;
  void clear();
  void restart_counts() { flushes_ = entries_ = 0; }
  std::int64_t flushes() const { return flushes_; }
  std::int64_t entries() const { return entries_; }

 private:
  /// An entry whose rows a stretch has not all taken yet; `rows` is what it has left, the first ones.
  struct Waiting : Entry {
    void* copies[3] = {};     // of a, b and ids; Copy stands in front of each
    std::int64_t visit = 0;   // of the walk, in which it was queued, or its first rows were
    std::int64_t joined = 0;  // of its rows, those that the visit put before the others
  };
  /// A step's gradient waits in several queues, of a weight and of its bias: they share one copy.
  struct alignas(64) Copy {
    std::int64_t bytes;  // with this
    std::int64_t owners;
  };
  /// A copy made by the call under way, while what it was made of is still there.
  struct Fresh {
    const void* from;
    Copy* copy;
  };
  /// Rows [first, first + rows) of an entry.
  struct Piece {
    const Waiting* entry;
    std::int64_t first, rows;
  };
  /// Rows that lie at equal distances, in elements; no data where they do not.
  struct Matrix {
    const void* data = nullptr;
    std::int64_t stride = 0;
    bool operator==(const Matrix&) const = default;
  };
  struct Queue {
    Kind kind = Kind::product;
    std::uint32_t target = 0;
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t rows = 0;
    std::int64_t whole = 0;                 // rows of a stretch
    std::int64_t a_bytes = 0, b_bytes = 0;  // of a row
    std::size_t head = 0;                   // entries before it are done
    std::vector<Waiting> entries;
    std::vector<Piece> stretch;  // the rows to be added now, in the order of the walk
    std::int64_t stretch_rows = 0;
    Matrix a, b;  // these rows

    bool is(Kind its, std::uint32_t its_target, std::int64_t its_m, std::int64_t its_n) const {
      return target == its_target && kind == its && m == its_m && n == its_n;
    }
  };

  Queue& queue_of(const TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m, std::int64_t n) {
    // A tape has few parameters, and the one used last is likely the one used now.
    const std::size_t at = last_[static_cast<std::size_t>(kind)];
    return at < used_ && queues_[at].is(kind, target, m, n) ? queues_[at] : other_queue(tape, kind, target, m, n);
  }
  Queue& other_queue(const TapeCore& tape, Kind kind, std::uint32_t target, std::int64_t m, std::int64_t n);
  void append(const TapeCore& tape, Queue& queue, const Entry& entry, std::vector<Waiting>::iterator before);
  void count_rows(const TapeCore& tape, Queue& queue, std::int64_t rows);
  static bool join(const TapeCore& tape, Queue& queue, const Entry& entry);
  static std::vector<Waiting>::iterator part(Queue& queue, std::vector<Waiting>::iterator entry);
  static std::int64_t part_bytes(const Queue& queue, int part, std::int64_t rows);
  bool take_stretches(bool all);
  template <class T>
  void add_stretches(TapeCore& tape);
  template <class T>
  void add_products(TapeCore& tape, std::size_t first);
  template <class T>
  void add_columns(TapeCore& tape, const Queue& queue);
  template <class T>
  void add_rows(TapeCore& tape, const Queue& queue);
  static const Piece& piece(const Queue& queue, std::size_t i);
  template <class T>
  static const T* first_row(const Queue& queue, std::size_t i, const void* Entry::*part, std::int64_t width);
  template <class T>
  static Matrix evenly_spaced(const Queue& queue, const void* Entry::*part, std::int64_t width);
  template <class T>
  static Matrix matrix(TapeCore& tape, const Queue& queue, const void* Entry::*part, std::int64_t width);
  void copy(TapeCore& tape, Queue& queue, Waiting& entry, int part);
  void give_back(TapeCore& tape, Waiting& entry) noexcept;

  std::vector<Queue> queues_;  // the first `used_` are in use; the others keep their memory
  std::size_t used_ = 0;
  std::size_t last_[3] = {};  // of each kind, the queue pushed to last
  std::vector<Fresh> fresh_;
  bool stretch_done_ = false;
  std::int64_t done_at_ = 0;  // the visit in which it was
  std::int64_t copied_bytes_ = 0;
  std::int64_t flushes_ = 0;
  std::int64_t entries_ = 0;
};

}  // namespace unspool::detail
