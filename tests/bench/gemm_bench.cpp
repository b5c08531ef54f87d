// Matrix products against the register-only multiply-add peak of the same moment, and against OpenBLAS through
// xtensor-blas. Usage: gemm_bench [filter], a substring of a row's name. UNSPOOL_ISA picks the instruction set; set
// OPENBLAS_NUM_THREADS=1 (only this thread is timed) and OPENBLAS_CORETYPE where OpenBLAS does not know the processor.
#include <immintrin.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/gemm.hpp"

using namespace unspool::kernels;
using std::int64_t;

namespace {

using Job = std::function<void()>;

/// Processor time of this thread: on a shared machine the clock on the wall also counts the neighbours.
double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const Job& job, int64_t repeats) {
  const double start = thread_seconds();
  for (int64_t i = 0; i < repeats; ++i) job();
  return thread_seconds() - start;
}

// The peak: accumulators enough to cover the latency and nothing but registers.
[[gnu::target("avx512f")]] void spin_avx512(int64_t n, float* out) {
  __m512 sum[16];
  const __m512 factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(1e-3f);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  for (int64_t p = 0; p < n; ++p)
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) sum[i] = _mm512_fmadd_ps(sum[i], factor, term);
#pragma GCC unroll 16
  for (int i = 1; i < 16; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  _mm512_storeu_ps(out, sum[0]);
}

[[gnu::target("avx2,fma")]] void spin_avx2(int64_t n, float* out) {
  __m256 sum[12];
  const __m256 factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(1e-3f);
#pragma GCC unroll 16
  for (int i = 0; i < 12; ++i) sum[i] = _mm256_set1_ps(static_cast<float>(i));
  for (int64_t p = 0; p < n; ++p)
#pragma GCC unroll 16
    for (int i = 0; i < 12; ++i) sum[i] = _mm256_fmadd_ps(sum[i], factor, term);
#pragma GCC unroll 16
  for (int i = 1; i < 12; ++i) sum[0] = _mm256_add_ps(sum[0], sum[i]);
  _mm256_storeu_ps(out, sum[0]);
}

void spin_sse2(int64_t n, float* out) {
  __m128 sum[12];
  const __m128 factor = _mm_set1_ps(0.999f), term = _mm_set1_ps(1e-3f);
#pragma GCC unroll 16
  for (int i = 0; i < 12; ++i) sum[i] = _mm_set1_ps(static_cast<float>(i));
  for (int64_t p = 0; p < n; ++p)
#pragma GCC unroll 16
    for (int i = 0; i < 12; ++i) sum[i] = _mm_add_ps(_mm_mul_ps(sum[i], factor), term);
#pragma GCC unroll 16
  for (int i = 1; i < 12; ++i) sum[0] = _mm_add_ps(sum[0], sum[i]);
  _mm_storeu_ps(out, sum[0]);
}

double peak_seconds_per_flop(Isa isa) {
  float out[16];
  const int64_t n = 20000;
  const auto time = [&](auto spin_isa, int chains, int lanes) {
    return seconds_of([&] { spin_isa(n, out); }, 1) / (2.0 * static_cast<double>(n) * chains * lanes);
  };
  if (isa == Isa::avx512) return time(spin_avx512, 16, 16);
  if (isa == Isa::avx2) return time(spin_avx2, 12, 8);
  return time(spin_sse2, 12, 4);
}

struct Row {
  std::string name;
  double flops;
  std::vector<std::pair<const char*, Job>> jobs;
};

/// Interleaves every job with the peak measurement and keeps the best of each: clocks of shared machines move.
void report(const Row& row) {
  std::vector<int64_t> repeats;
  for (const auto& [name, job] : row.jobs) {
    int64_t count = 1;
    while (seconds_of(job, count) < 2e-3) count *= 2;
    repeats.push_back(count);
  }
  double peak = 1e30;
  std::vector<double> best(row.jobs.size(), 1e30);
  for (int round = 0; round < 15; ++round) {
    peak = std::min(peak, peak_seconds_per_flop(active_isa()));
    for (std::size_t i = 0; i < row.jobs.size(); ++i)
      best[i] = std::min(best[i], seconds_of(row.jobs[i].second, repeats[i]) / static_cast<double>(repeats[i]));
  }
  std::printf("%-34s peak %6.1f |", row.name.c_str(), 1e-9 / peak);
  for (std::size_t i = 0; i < row.jobs.size(); ++i)
    std::printf("  %s %9.0f ns %6.1f GF %5.1f%%", row.jobs[i].first, best[i] * 1e9, row.flops / best[i] * 1e-9,
                100 * row.flops * peak / best[i]);
  std::printf("\n");
}

std::vector<float> numbers(int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::uint32_t state = 12345;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
  }
  return values;
}

/// C[m, n] = A op(B) with B packed, unpacked, and by BLAS.
void product(const std::string& name, bool ta, bool tb, int64_t m, int64_t n, int64_t k, bool accumulate = false) {
  const std::vector<float> a = numbers(m * k), b = numbers(n * k);
  std::vector<float> c(static_cast<std::size_t>(m * n)),
      packed(static_cast<std::size_t>(gemm_packed_size<float>(k, n)) + 16);
  float* const aligned =
      packed.data() + (64 - reinterpret_cast<std::uintptr_t>(packed.data()) % 64) % 64 / sizeof(float);
  gemm_pack(tb, k, n, b.data(), tb ? k : n, aligned);
  Workspace workspace;
  Row row{name, 2.0 * static_cast<double>(m * n * k), {}};
  if (!ta)
    row.jobs.emplace_back("packed",
                          [&] { gemm_packed(m, n, k, a.data(), k, aligned, accumulate, c.data(), n, workspace); });
  row.jobs.emplace_back("gemm", [&] {
    gemm(ta, tb, m, n, k, a.data(), ta ? m : k, b.data(), tb ? k : n, accumulate, c.data(), n, workspace);
  });
  row.jobs.emplace_back(
      "blas", [&] { gemm_blas(ta, tb, m, n, k, a.data(), ta ? m : k, b.data(), tb ? k : n, accumulate, c.data(), n); });
  report(row);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string filter = argc > 1 ? argv[1] : "";
  std::printf("%s, float, one thread; percent of the measured multiply-add peak\n", isa_name(active_isa()));
  const auto want = [&](const std::string& name) { return name.find(filter) != std::string::npos; };
  struct Shape {
    const char* name;
    bool ta, tb;
    int64_t m, n, k;
    bool accumulate;
  };
  const Shape shapes[] = {
      {"forward B=1 H=16", false, true, 1, 64, 16, false},
      {"backward B=1 H=16", false, false, 1, 16, 64, false},
      {"forward B=1 H=128", false, true, 1, 512, 128, true},
      {"backward B=1 H=128", false, false, 1, 128, 512, true},
      {"forward B=1 H=256", false, true, 1, 1024, 256, true},
      {"forward B=2 H=256", false, true, 2, 1024, 256, true},
      {"forward B=4 H=256", false, true, 4, 1024, 256, true},
      {"forward B=8 H=256", false, true, 8, 1024, 256, true},
      {"backward B=8 H=256", false, false, 8, 256, 1024, true},
      {"forward B=32 H=256", false, true, 32, 1024, 256, true},
      {"backward B=32 H=256", false, false, 32, 256, 1024, true},
      {"forward B=64 H=512", false, true, 64, 2048, 512, true},
      {"backward B=64 H=512", false, false, 64, 512, 2048, true},
      {"forward B=128 H=512", false, true, 128, 2048, 512, true},
      {"inputs T*B=3200 128->1024", false, true, 3200, 1024, 128, false},
      {"weight grad 3200 rows 1024x256", true, false, 1024, 256, 3200, true},
      {"weight grad 100 rows 512x128", true, false, 512, 128, 100, true},
      {"weight grad 1000 rows 64x16", true, false, 64, 16, 1000, true},
      {"weight grad 8192 rows 2048x512", true, false, 2048, 512, 8192, true},
      {"square 1000", false, false, 1000, 1000, 1000, false},
      {"narrow 3200 x 1, k=128", false, true, 3200, 1, 128, false},
      {"logits 32 x 10, k=256", false, true, 32, 10, 256, false},
  };
  for (const Shape& s : shapes)
    if (want(s.name)) product(s.name, s.ta, s.tb, s.m, s.n, s.k, s.accumulate);
  return 0;
}
