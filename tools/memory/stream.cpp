// Truncated backpropagation over a stream: what the process takes while the steps go by.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "measure.hpp"

namespace memory_tool {

int stream(int64_t steps) {
  constexpr int64_t H = 8, every = 20, back = 40;
  us::ParameterSet<float> params(us::Seed{1});
  us::LSTMCell<float> cell(params, "lstm", {.input = 1, .hidden = H});
  us::Linear<float> head(params, "head", {.input = H, .output = 1});
  us::SGD<float> optimizer(params, {.lr = 0.01});
  us::Tape<float> tape;
  us::TruncatedBptt<float, us::LSTMState<float>> bptt(tape, cell.zero_state(tape, 1), {.every = every, .back = back});
  // A sine whose frequency drifts; the next value is to be told from those so far.
  const auto signal = [](int64_t t) {
    const double x = static_cast<double>(t);
    return static_cast<float>(std::sin(0.2 * x + 3 * std::sin(1e-4 * x)));
  };
  const auto step = [&](int64_t t, const us::LSTMState<float>& s) {
    const float now = signal(t), next = signal(t + 1);
    us::LSTMState<float> after = cell(tape.input({1, 1}, {&now, 1}), s);
    return std::pair(us::mse(head(after.h), tape.input({1, 1}, {&next, 1})), after);
  };

  std::printf("LSTM H=%ld, losses of %ld steps walked back over %ld, an update after each window\n", long(H),
              long(every), long(back));
  std::printf("%12s %10s %12s %14s %14s %12s\n", "steps", "seconds", "loss a step", "tape, bytes", "process, MiB",
              "at most, MiB");
  const double start = seconds();
  int64_t first_bytes = 0, last_bytes = 0, windows = 0;
  double first_mib = 0, last_mib = 0, sum = 0;
  int64_t next_line = std::max<int64_t>(steps / 1000, every);
  while (bptt.steps() < steps) {
    params.zero_grad();
    sum += bptt.window(step);
    ++windows;
    optimizer.step();
    if (bptt.steps() < next_line && bptt.steps() < steps) continue;
    last_bytes = tape.stats().reserved_bytes + tape.stats().node_bytes;
    last_mib = process_mib("VmRSS:");
    if (first_bytes == 0) first_bytes = last_bytes, first_mib = last_mib;
    std::printf("%12ld %10.1f %12.5f %14ld %14.2f %12.2f\n", long(bptt.steps()), seconds() - start,
                sum / static_cast<double>(windows * every), long(last_bytes), last_mib, process_mib("VmHWM:"));
    std::fflush(stdout);
    sum = 0, windows = 0;
    next_line = bptt.steps() < steps / 10 ? bptt.steps() * 10 : bptt.steps() + steps / 5;
  }
  std::printf("since the first line the tape has grown by %ld bytes and the process by %.2f MiB\n",
              long(last_bytes - first_bytes), last_mib - first_mib);
  return last_bytes == first_bytes ? 0 : 1;
}

}  // namespace memory_tool
