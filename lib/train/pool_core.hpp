// PoolCore: the threads of a ThreadPool and the tapes that shards are recorded on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "unspool/parallel.hpp"

namespace unspool::detail {

class PoolCore {
 public:
  using Task = void (*)(void* context, std::int64_t index);

  explicit PoolCore(int threads);
  ~PoolCore() { stop(); }

  int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }
  /// Calls task(context, i) once for every i in 0..count-1, on all threads, and returns when all are done. The task must
  /// not throw.
  void run(std::int64_t count, Task task, void* context);
  template <class F>
  void for_each(std::int64_t count, F f) {
    run(
        count, [](void* context, std::int64_t i) { (*static_cast<F*>(context))(i); }, &f);
  }

  /// The pool belongs to one call at a time; false when another has it.
  bool acquire() noexcept { return !busy_.exchange(true, std::memory_order_acquire); }
  void release() noexcept { busy_.store(false, std::memory_order_release); }

  /// One tape a shard; they are made at first use, with these options, and kept.
  template <RealScalar T>
  std::vector<std::unique_ptr<Tape<T>>>& tapes();

 private:
  void stop() noexcept;
  void work();
  void take_tasks();

  std::mutex mutex_;
  std::condition_variable start_, done_;
  std::uint64_t job_ = 0;  // grows with every run
  int unfinished_ = 0;     // workers that have not yet left the current job
  bool stopping_ = false;
  Task task_ = nullptr;
  void* context_ = nullptr;
  std::int64_t count_ = 0;
  std::atomic<std::int64_t> next_ = 0;
  std::atomic<bool> busy_ = false;
  std::vector<std::thread> workers_;
  std::vector<std::unique_ptr<Tape<float>>> float_tapes_;
  std::vector<std::unique_ptr<Tape<double>>> double_tapes_;
};

}  // namespace unspool::detail
