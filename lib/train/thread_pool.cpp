#include <algorithm>
#include <system_error>

#include "base/check.hpp"
#include "train/pool_core.hpp"

namespace unspool::detail {

PoolCore::PoolCore(int threads) {
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    const int started = this->threads();
    stop();
    fail(ErrorCode::unsupported, "thread_pool", "the system gave {} of {} threads", started, threads);
  }
}

void PoolCore::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void PoolCore::run(std::int64_t count, Task task, void* context) {
  {
    const std::lock_guard lock(mutex_);
    task_ = task;
    context_ = context;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    unfinished_ = static_cast<int>(workers_.size());
    ++job_;
  }
  start_.notify_all();
  take_tasks();
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return unfinished_ == 0; });
}

void PoolCore::take_tasks() {
  for (std::int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) task_(context_, i);
}

void PoolCore::work() {
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    start_.wait(lock, [&] { return stopping_ || job_ != seen; });
    if (stopping_) return;
    seen = job_;
    lock.unlock();
    take_tasks();
    lock.lock();
    if (--unfinished_ == 0) done_.notify_one();
  }
}

template <>
std::vector<std::unique_ptr<Tape<float>>>& PoolCore::tapes<float>() {
  return float_tapes_;
}
template <>
std::vector<std::unique_ptr<Tape<double>>>& PoolCore::tapes<double>() {
  return double_tapes_;
}

PoolCore* make_pool(int threads) try {
  require(threads >= 0 && threads <= 1024, ErrorCode::bad_argument, "thread_pool",
          "the number of threads must be in 0..1024; given {}", threads);
  if (threads == 0) threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 1024u));
  return new PoolCore(threads);
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "thread_pool", "memory for {} threads could not be had", threads);
}
void drop_pool(PoolCore* pool) noexcept { delete pool; }
int pool_threads(const PoolCore& pool) noexcept { return pool.threads(); }

}  // namespace unspool::detail
