// One training step on several cores: the batch is cut into a fixed number of shards, each recorded and walked on a
// tape of its own, and the shards' gradients are added in a fixed tree.
//
//   us::ThreadPool pool;                                            // as many threads as the machine runs at once
//   double loss = us::data_parallel(pool, us::Shards{B, 4}, [&](us::Tape<>& tape, const us::Shard& s) {
//     return us::cross_entropy(model(tape.input(rows(x, s.begin, s.end))), labels(s.begin, s.end));
//   });
//   optimizer.step();
//
// The bits of the gradients depend on the number of shards and never on the number of threads or on their timing. The
// threads are the pool's own: nothing is changed for others who use OpenMP, BLAS or threads in the same process.
#pragma once

#include "unspool/parameter.hpp"
#include "unspool/reduction.hpp"

namespace unspool {

namespace detail {
class PoolCore;
UNSPOOL_API PoolCore* make_pool(int threads);
UNSPOOL_API void drop_pool(PoolCore* pool) noexcept;
UNSPOOL_API int pool_threads(const PoolCore& pool) noexcept;
}  // namespace detail

/// Threads that wait for work; the thread that calls works along, so a pool of 1 starts none. The tapes of the shards
/// and their memory are kept from step to step. For one caller at a time.
class UNSPOOL_API ThreadPool {
 public:
  /// 0: as many as the machine runs at once. Throws bad_argument below 0 or above 1024, unsupported when the system
  /// gives no thread.
  explicit ThreadPool(int threads = 0) : core_(detail::make_pool(threads)) {}
  ~ThreadPool() { detail::drop_pool(core_); }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept { return detail::pool_threads(*core_); }
  detail::PoolCore& core() const noexcept { return *core_; }

 private:
  detail::PoolCore* core_;
};

/// Rows [begin, end) of a batch: what one call of the loss function computes.
struct Shard {
  std::int64_t index = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  double weight = 1;  ///< its share of the batch's rows

  std::int64_t rows() const { return end - begin; }
};

/// A batch of `rows` in `count` shards whose sizes differ by at most one. Shards without rows are left out. More shards
/// than threads balance uneven work; rows of a shard share each product, so a few large shards beat many small ones.
struct Shards {
  std::int64_t rows = 0;
  std::int64_t count = 1;

  std::int64_t size() const { return count < rows ? count : rows; }
  Shard operator[](std::int64_t index) const {
    const std::int64_t n = size(), each = rows / n, longer = rows % n;
    const std::int64_t begin = index * each + (index < longer ? index : longer);
    const std::int64_t end = begin + each + (index < longer ? 1 : 0);
    return {index, begin, end, static_cast<double>(end - begin) / static_cast<double>(rows)};
  }
};

struct ParallelOptions {
  /// How the shards' losses make the batch's. mean: each is a mean over its rows and counts by its share of them; sum:
  /// they are added.
  Reduction reduction = Reduction::mean;
  std::uint64_t seed = 0;  ///< of dropout masks; a shard draws its own. Give each training step its own
  TapeOptions tape = {};   ///< of the shards' tapes; its seed is not used
};

namespace detail {

template <RealScalar T>
using ShardLoss = Var<T> (*)(void* function, Tape<T>& tape, const Shard& shard);
template <RealScalar T>
double data_parallel(PoolCore& pool, const Shards& shards, ShardLoss<T> loss, void* function,
                     const ParallelOptions& options);
extern template UNSPOOL_API double data_parallel(PoolCore&, const Shards&, ShardLoss<float>, void*,
                                                 const ParallelOptions&);
extern template UNSPOOL_API double data_parallel(PoolCore&, const Shards&, ShardLoss<double>, void*,
                                                 const ParallelOptions&);

}  // namespace detail

/// Calls loss(tape, shard) for every shard, on any thread and several at once, walks each tape back, adds the gradients
/// to the parameters and returns the batch's loss. `loss` returns a Var<T> of one element; what it shares with other
/// calls it may only read. A parameter's gradient is ((g0 + g1) + (g2 + g3)) + ..., by the shards' numbers.
/// When a call throws, the others are completed, the error of the shard with the lowest number is thrown and no
/// gradient has changed. Throws bad_argument for a pool that is at work already, for no rows or shards, not_scalar.
template <RealScalar T = float, class F>
double data_parallel(ThreadPool& pool, const Shards& shards, F&& loss, const ParallelOptions& options = {}) {
  const auto call = [](void* function, Tape<T>& tape, const Shard& shard) {
    return Var<T>((*static_cast<std::remove_reference_t<F>*>(function))(tape, shard));
  };
  return detail::data_parallel<T>(pool.core(), shards, call, const_cast<void*>(static_cast<const void*>(&loss)),
                                  options);
}

}  // namespace unspool
