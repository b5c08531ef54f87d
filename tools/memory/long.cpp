// A sequence so long that no full walk of it fits.
#include <algorithm>
#include <cstdio>

#include "measure.hpp"

namespace memory_tool {
namespace {

struct Long {
  double time;
  int64_t heap;
  us::RecomputeStats recomputed;
};

/// T steps, each with an input and a loss of its own.
Long walk_long(int64_t T, int64_t memory) {
  constexpr int64_t H = 64;
  us::ParameterSet<float> params(us::Seed{1});
  us::LSTMCell<float> cell(params, "lstm", {.input = H, .hidden = H});
  const us::Tensor<float> x = noise({997, H});
  const HeapPeak peak;
  us::Tape<float> tape;
  const double start = seconds();
  const auto step = [&](int64_t t, const us::LSTMState<float>& s) {
    const us::Var<float> in = tape.input({1, H}, x.values().subspan(static_cast<std::size_t>(t % 997 * H), H));
    us::LSTMState<float> next = cell(in, s);
    return std::pair(us::sum(us::square(next.h)), next);
  };
  auto [loss, last] = us::unroll(T, step, cell.zero_state(tape, 1), {.memory = memory});
  tape.backward(loss);
  return {seconds() - start, peak.bytes(), us::recompute_stats(tape)};
}

}  // namespace

int long_run(int64_t T, int64_t memory) {
  const Long within = walk_long(T, memory);
  const double peak = process_mib("VmHWM:");
  std::printf("%s", within.recomputed.plan.to_string().c_str());
  std::printf("T=%ld within %.0f MiB: %.1f s, %ld forwards, the heap at most %.1f MiB, the process %.1f MiB\n", long(T),
              mib(memory), within.time, long(within.recomputed.forwards), mib(within.heap), peak);
  const int64_t part = std::max<int64_t>(T / 10, 1);
  const Long plain = walk_long(part, us::UnrollOptions::unlimited);
  std::printf("plain walk of %ld steps: %.2f s, the heap %.1f MiB; per step %.2f us against %.2f us, %.2fx\n",
              long(part), plain.time, mib(plain.heap), 1e6 * plain.time / double(part), 1e6 * within.time / double(T),
              within.time / double(T) / (plain.time / double(part)));
  return 0;
}

}  // namespace memory_tool
