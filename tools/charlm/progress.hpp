// Progress: one line that is redrawn on a terminal, a line every few seconds elsewhere.
#pragma once

#include <chrono>
#include <cstdint>

namespace charlm {

class Progress {
 public:
  Progress(std::int64_t steps, std::int64_t characters_per_step);
  /// After each step; `bits` is the smoothed training loss in bits per character.
  void update(std::int64_t step, double loss, double bits);
  /// Ends the line.
  void finish(std::int64_t step, double loss, double bits);
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  void print(std::int64_t step, double loss, double bits);

  std::int64_t steps_;
  std::int64_t characters_per_step_;
  bool terminal_;
  Clock::time_point start_;
  Clock::time_point shown_;
};

}  // namespace charlm
