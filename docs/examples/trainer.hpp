// A training loop on any number of threads, and what is right in the end.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <span>

#include "unspool/unspool.hpp"

namespace example {

namespace us = unspool;

/// A seconds counter.
class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A shard's part of the rows of a batch.
inline std::span<const std::int64_t> part(std::span<const std::int64_t> rows, const us::Shard& s) {
  return rows.subspan(static_cast<std::size_t>(s.begin), static_cast<std::size_t>(s.rows()));
}

/// How many rows of logits [N,C] have their largest number where their class is.
inline std::int64_t count_right(const us::Var<>& logits, std::span<const std::int64_t> classes) {
  const auto width = static_cast<std::size_t>(logits.shape()[1]);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < classes.size(); ++i)
    right += us::greedy(logits.values().subspan(width * i, width)) == classes[i];
  return right;
}

/// Adam with warm-up, a cosine and clipping. Each batch is cut into `shards`, whatever the number of threads, so a run
/// has the same bits on any machine.
class Trainer {
 public:
  struct Settings {
    std::int64_t steps = 1;  ///< in all
    double lr = 1e-3;
    std::int64_t threads = 1;
    us::Seed seed = {1};  ///< of dropout
    double clip = 1;
    std::int64_t shards = 2;
  };
  Trainer(us::ParameterSet<>& params, const Settings& settings)
      : params_(params),
        settings_(settings),
        pool_(static_cast<int>(settings.threads)),
        adam_(params, {.lr = settings.lr}) {}

  /// One step on `rows` rows; loss(tape, shard) is the mean over the shard's rows. Reports now and then.
  template <class Loss>
  double step(std::int64_t rows, Loss&& loss) {
    params_.zero_grad();
    const std::uint64_t seed = settings_.seed.value * 1'000'003 + static_cast<std::uint64_t>(done_);
    const double value = us::data_parallel<float>(pool_, us::Shards{rows, settings_.shards}, loss, {.seed = seed});
    if (std::isfinite(us::clip_grad_norm(params_, settings_.clip))) {
      adam_.set_lr(schedule_(done_));
      adam_.step();
    }
    mean_ = done_ == 0 ? value : 0.99 * mean_ + 0.01 * value;
    ++done_;
    if (const double now = clock_.seconds(); now - shown_ > 10) {
      shown_ = now;
      fmt::print("  step {}/{}  loss {:.4f}  {:.0f} s\n", done_, settings_.steps, mean_, now);
      std::fflush(stdout);
    }
    return value;
  }
  double seconds() const { return clock_.seconds(); }
  double loss() const { return mean_; }
  std::int64_t steps() const { return done_; }

 private:
  us::ParameterSet<>& params_;
  Settings settings_;
  us::ThreadPool pool_;
  us::Adam<> adam_;
  us::CosineLR schedule_{.lr = settings_.lr,
                         .steps = std::max<std::int64_t>(settings_.steps, 1),
                         .warmup = settings_.steps / 20,
                         .min_lr = settings_.lr / 100};
  Clock clock_;
  double shown_ = 0, mean_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace example
