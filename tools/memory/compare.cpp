// The plain walk of an LSTM against walks within a part of its memory, in turns.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "measure.hpp"

namespace memory_tool {
namespace {

/// One forward and backward over x [T,B,H], loss on the last state.
struct Run {
  us::ParameterSet<float> params{us::Seed{1}};
  us::LSTMCell<float> cell;
  us::Tape<float> tape;
  int64_t memory;
  double best = 1e30;
  int64_t heap = 0;  // the first time, when the tape had no memory yet; without the copy of the inputs
  us::TapeStats stats;
  us::RecomputeStats recomputed;

  Run(int64_t hidden, int64_t budget) : cell(params, "lstm", {.input = hidden, .hidden = hidden}), memory(budget) {}

  void once(const us::Tensor<float>& x) {
    const double start = seconds();
    const HeapPeak peak;
    tape.reset();
    params.zero_grad();
    const us::Var<float> xs = tape.input(x);
    auto [ys, last] = us::unroll(cell, xs, cell.zero_state(tape, x.shape()[1]), {.memory = memory, .outputs = false});
    tape.backward(us::sum(last.h));
    best = std::min(best, seconds() - start);
    if (heap == 0) heap = peak.bytes() - x.size() * 4;
    stats = tape.stats();
    recomputed = us::recompute_stats(tape);
  }
};

}  // namespace

int compare(int64_t T, int64_t B, int64_t H) {
  const us::Tensor<float> x = noise({T, B, H});
  Run plain(H, us::UnrollOptions::unlimited), two(H, us::UnrollOptions::unlimited);
  plain.once(x);
  two.once(noise({2, B, H}));
  const int64_t steps_bytes = plain.stats.value_bytes + plain.stats.gradient_bytes_peak - x.size() * 4;
  std::printf(
      "LSTM, T=%ld B=%ld H=%ld; the plain walk takes %.1f MiB for its steps and their gradients, %.1f MiB "
      "of the heap; two steps take %.2f MiB of it\n",
      long(T), long(B), long(H), mib(steps_bytes), mib(plain.heap), mib(two.heap));
  std::vector<double> percents{10, 5, 2, 1};
  std::vector<std::unique_ptr<Run>> runs;
  for (const double percent : percents)
    runs.push_back(std::make_unique<Run>(H, static_cast<int64_t>(static_cast<double>(steps_bytes) * percent / 100)));
  for (int round = 0; round < 5; ++round) {
    plain.once(x);
    for (const auto& run : runs) run->once(x);
  }
  std::printf("%8s %12s %12s %12s %10s %10s %10s %10s\n", "percent", "budget MiB", "taken MiB", "heap MiB", "forwards",
              "planned", "expected", "measured");
  bool same = true;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const us::Plan& plan = runs[i]->recomputed.plan;
    std::printf("%8.0f %12.2f %12.2f %12.2f %10ld %10ld %9.2fx %9.2fx\n", percents[i], mib(runs[i]->memory),
                mib(runs[i]->recomputed.peak_bytes), mib(runs[i]->heap), long(runs[i]->recomputed.forwards),
                long(plan.forwards), plan.slowdown(), runs[i]->best / plain.best);
    for (std::size_t p = 0; p < plain.params.size(); ++p) {
      const auto a = plain.params.at(p).grad(), b = runs[i]->params.at(p).grad();
      same &= std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
    }
  }
  std::printf("plain %.3f s; gradients have %s bits\n", plain.best, same ? "the same" : "OTHER");
  return same ? 0 : 1;
}

}  // namespace memory_tool
