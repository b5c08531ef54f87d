// What the examples share: options by name, batches out of ragged rows, and a training loop.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "unspool/unspool.hpp"

namespace example {

namespace us = unspool;

/// Options as --name value. Each has a default: "epochs=3 data=bible.txt".
class Options {
 public:
  Options(int argc, char** argv, const std::string& defaults) {
    std::istringstream entries(defaults);
    for (std::string entry; entries >> entry;)
      values_[entry.substr(0, entry.find('='))] = entry.substr(entry.find('=') + 1);
    for (int i = 1; i < argc; i += 2) {
      const std::string name = std::string(argv[i]).substr(0, 2) == "--" ? argv[i] + 2 : "";
      if (!values_.contains(name) || i + 1 == argc) fail(argv[i]);
      values_[name] = argv[i + 1];
    }
  }
  const std::string& text(const std::string& name) const { return values_.at(name); }
  double real(const std::string& name) const {
    char* end = nullptr;
    const double value = std::strtod(text(name).c_str(), &end);
    if (*end != 0 || text(name).empty()) fail("--" + name + " " + text(name));
    return value;
  }
  std::int64_t integer(const std::string& name) const { return static_cast<std::int64_t>(real(name)); }
  us::Seed seed(std::int64_t plus = 0) const { return {static_cast<std::uint64_t>(integer("seed") + plus)}; }

 private:
  [[noreturn]] void fail(const std::string& argument) const {
    fmt::print(stderr, "not understood: {}; options and what they are now:\n", argument);
    for (const auto& [name, value] : values_) fmt::print(stderr, "  --{} {}\n", name, value);
    std::exit(2);
  }

  std::map<std::string, std::string> values_;
};

using Ids = std::vector<std::int64_t>;

/// The ids of a text's units.
inline Ids encoded(const us::Vocabulary& vocabulary, std::string_view text) {
  const std::vector<std::int32_t> ids = vocabulary.encode(text);
  return Ids(ids.begin(), ids.end());
}

/// Number of entries.
std::int64_t count(const auto& entries) { return static_cast<std::int64_t>(entries.size()); }

/// Entry i of a vector, whatever integer i is.
auto& item(auto& entries, std::int64_t i) { return entries[static_cast<std::size_t>(i)]; }

/// A shard's part of the rows of a batch.
inline std::span<const std::int64_t> part(std::span<const std::int64_t> rows, const us::Shard& s) {
  return rows.subspan(static_cast<std::size_t>(s.begin), static_cast<std::size_t>(s.rows()));
}

/// Random numbers of a shard of a training step. Stream 0 of a seed is left for what is measured afterwards.
inline us::Random draws(us::Seed seed, std::int64_t step, const us::Shard& s) {
  return us::Random(seed, static_cast<std::uint64_t>(2 * step + s.index + 1));
}

/// Biases of a one-layer LSTM for dependencies of up to `steps` steps: forget gates log u with u uniform in 1..steps - 1,
/// input gates the negative of it (Tallec and Ollivier, ICLR 2018, section 2.2).
inline void chrono_biases(us::ParameterSet<>& params, const std::string& lstm, std::int64_t steps, us::Seed seed) {
  const std::span<float> bias = params[lstm + ".bias_ih_l0"].mutable_values();
  const std::span<float> other = params[lstm + ".bias_hh_l0"].mutable_values();
  const std::size_t hidden = bias.size() / 4;  // gates i, f, g, o
  us::Random random(seed, 1'000'000'007);
  std::ranges::fill(bias, 0.0f), std::ranges::fill(other, 0.0f);
  for (std::size_t k = 0; k < hidden; ++k) {
    bias[hidden + k] = static_cast<float>(std::log(random.uniform(1, static_cast<double>(steps - 1))));
    bias[k] = -bias[hidden + k];
  }
}

/// A seconds counter.
class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Rows of ids of any lengths, padded to [T,B] time first, with their lengths.
struct Batch {
  Ids ids, lengths;
  std::int64_t steps = 0;

  void add(const Ids& row) {
    rows_.push_back(row);
    lengths.push_back(static_cast<std::int64_t>(row.size()));
    steps = std::max(steps, lengths.back());
  }
  const Batch& padded() {
    ids.assign(static_cast<std::size_t>(steps) * rows_.size(), 0);
    for (std::size_t b = 0; b < rows_.size(); ++b)
      for (std::size_t t = 0; t < rows_[b].size(); ++t) ids[t * rows_.size() + b] = rows_[b][t];
    return *this;
  }

 private:
  std::vector<Ids> rows_;
};

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
