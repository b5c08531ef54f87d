// Timing of one training step, and what the machine could have done meanwhile. Prints one JSON line.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <vector>

#include "peak.hpp"

namespace benchmark {

/// What a program learns from its last step: the loss, and the sum of squares over all gradients.
struct Outcome {
  double loss = 0;
  double gradient_squares = 0;
};

/// Sum of squares, in double, of `count` floats.
inline double squares(const float* values, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

class Stopwatch {
 public:
  double wall_ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - wall_).count();
  }
  /// Processor time of the whole process: less than wall time when others had the core, more when threads ran.
  double cpu_ms() const { return cpu_now() - cpu_; }

 private:
  static double cpu_now() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
  }
  std::chrono::steady_clock::time_point wall_ = std::chrono::steady_clock::now();
  double cpu_ = cpu_now();
};

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

/// Peak resident memory so far, MiB. Not getrusage's figure, which starts at what the parent used before exec.
inline double peak_rss_mib() {
  long kib = 0;
  if (std::FILE* status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (kib == 0 && std::fgets(line, sizeof line, status) != nullptr)
      if (std::sscanf(line, "VmHWM: %ld", &kib) != 1) kib = 0;
    std::fclose(status);
  }
  return static_cast<double>(kib) / 1024.0;
}

/// Times one training step of `workload`, a row of workload.hpp. Runs step() a few times unmeasured, then until
/// `seconds` have passed, at least three times; then prints the medians with what outcome() reports. Negative seconds:
/// that many steps and nothing else, for counting their instructions (count.py).
template <class Workload, class Step, class Result>
void measure(const Workload& workload, std::string_view program, double seconds, Step&& step, Result&& outcome) {
  for (; seconds < 0; ++seconds) {
    step();
    if (seconds >= -1) return;
  }
  const Stopwatch warm_up;
  for (int i = 0; i < 5 && (i == 0 || warm_up.wall_ms() < 500); ++i) step();

  const double peak_before = peak_gflops();
  std::vector<double> wall, cpu;
  const Stopwatch all;
  while (wall.size() < 3 || (all.wall_ms() < seconds * 1e3 && wall.size() < 100000)) {
    const Stopwatch one;
    step();
    wall.push_back(one.wall_ms());
    cpu.push_back(one.cpu_ms());
  }
  const double peak = 0.5 * (peak_before + peak_gflops());

  const double rss = peak_rss_mib();
  const Outcome result = outcome();
  std::printf(
      "{\"workload\": \"%.*s\", \"program\": \"%.*s\", \"ms\": %.6g, \"cpu_ms\": %.6g, \"ms_min\": %.6g, "
      "\"repeats\": %zu, \"loss\": %.9g, \"gradient_norm\": %.9g, \"rss_mib\": %.4g, \"peak_gflops\": %.4g, "
      "\"product_flops\": %.9g}\n",
      static_cast<int>(workload.name.size()), workload.name.data(), static_cast<int>(program.size()), program.data(),
      median(wall), median(cpu), *std::min_element(wall.begin(), wall.end()), wall.size(), result.loss,
      std::sqrt(result.gradient_squares), rss, peak, workload.product_flops());
}

}  // namespace benchmark
