// How many float multiply-adds one core does a second when nothing waits for memory. The clock of a shared machine
// moves by tens of percent, so every program measures this around its timed part.
#pragma once

#include <algorithm>
#include <chrono>

namespace benchmark {

// Twelve independent chains hide the latency of two units. Three times the same body: a template would be lowered to
// narrow vectors before it could be inlined into a function with a wider target.
inline constexpr int peak_chains = 12;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) inline float multiply_adds_avx512(long rounds) {
  using Vector = float __attribute__((vector_size(64)));
  const Vector m = Vector{} + 0.999f, a = Vector{} + 0.001f;
  Vector chain[peak_chains] = {};
  for (long i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < peak_chains; ++k) chain[k] = chain[k] * m + a;
  }
  float sum = 0;
  for (const Vector& c : chain) sum += c[0];
  return sum;
}

__attribute__((target("avx2,fma"))) inline float multiply_adds_avx2(long rounds) {
  using Vector = float __attribute__((vector_size(32)));
  const Vector m = Vector{} + 0.999f, a = Vector{} + 0.001f;
  Vector chain[peak_chains] = {};
  for (long i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < peak_chains; ++k) chain[k] = chain[k] * m + a;
  }
  float sum = 0;
  for (const Vector& c : chain) sum += c[0];
  return sum;
}
#endif

inline float multiply_adds_baseline(long rounds) {
  using Vector = float __attribute__((vector_size(16)));
  const Vector m = Vector{} + 0.999f, a = Vector{} + 0.001f;
  Vector chain[peak_chains] = {};
  for (long i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < peak_chains; ++k) chain[k] = chain[k] * m + a;
  }
  float sum = 0;
  for (const Vector& c : chain) sum += c[0];
  return sum;
}

/// GFLOP/s of the widest multiply-add that this processor has. The best of a few runs of about a millisecond, because
/// an interrupted one tells nothing.
inline double peak_gflops() {
  float (*run)(long) = multiply_adds_baseline;
  double lanes = 4;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    run = multiply_adds_avx512, lanes = 16;
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    run = multiply_adds_avx2, lanes = 8;
  }
#endif
  constexpr long rounds = 200000;
  volatile float used = run(rounds / 10);  // volatile, so that no run is dropped as unused
  double best = 0;
  for (int i = 0; i < 7; ++i) {
    const auto start = std::chrono::steady_clock::now();
    used = run(rounds);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * peak_chains * lanes * static_cast<double>(rounds) / seconds * 1e-9);
  }
  static_cast<void>(used);
  return best;
}

}  // namespace benchmark
