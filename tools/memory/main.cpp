// What a byte budget costs: an LSTM walked in full and within a part of its memory, in turns, and a long sequence.
//
//   unspool-memory compare [T B H]        plain against budgets of 10, 5, 2 and 1 percent; defaults 1000 32 256
//   unspool-memory long [T MiB]           T steps at B = 1, H = 64 within so much; defaults 1000000 200
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "unspool/unspool.hpp"

namespace us = unspool;

namespace {

using std::int64_t;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The most memory that the process has had, in MiB; 0 where the system does not say.
double peak_process_mib() {
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) return 0;
  char line[256];
  double kib = 0;
  while (std::fgets(line, sizeof line, status) != nullptr)
    if (std::strncmp(line, "VmHWM:", 6) == 0) kib = std::atof(line + 6);
  std::fclose(status);
  return kib / 1024;
}

double mib(int64_t bytes) { return static_cast<double>(bytes) / (1024 * 1024); }

us::Tensor<float> noise(const us::Shape& shape) {
  us::Tensor<float> x(shape);
  us::Random random(us::Seed{7}, 0);
  for (int64_t i = 0; i < shape.size(); ++i) x.data()[i] = static_cast<float>(random.uniform(-1, 1));
  return x;
}

/// One forward and backward over x [T,B,H], loss on the last state.
struct Run {
  us::ParameterSet<float> params{us::Seed{1}};
  us::LSTMCell<float> cell;
  us::Tape<float> tape;
  int64_t memory;
  double best = 1e30;
  us::TapeStats stats;
  us::RecomputeStats recomputed;

  Run(int64_t hidden, int64_t budget) : cell(params, "lstm", {.input = hidden, .hidden = hidden}), memory(budget) {}

  void once(const us::Tensor<float>& x) {
    const double start = seconds();
    tape.reset();
    params.zero_grad();
    const us::Var<float> xs = tape.input(x);
    auto [ys, last] = us::unroll(cell, xs, cell.zero_state(tape, x.shape()[1]), {.memory = memory, .outputs = false});
    tape.backward(us::sum(last.h));
    best = std::min(best, seconds() - start);
    stats = tape.stats();
    recomputed = us::recompute_stats(tape);
  }
};

int compare(int64_t T, int64_t B, int64_t H) {
  const us::Tensor<float> x = noise({T, B, H});
  Run plain(H, us::UnrollOptions::unlimited);
  plain.once(x);
  const int64_t steps_bytes = plain.stats.value_bytes + plain.stats.gradient_bytes_peak - x.size() * 4;
  std::printf("LSTM, T=%ld B=%ld H=%ld; the plain walk takes %.1f MiB for its steps and their gradients\n", long(T),
              long(B), long(H), mib(steps_bytes));
  std::vector<double> percents{10, 5, 2, 1};
  std::vector<Run*> runs;
  for (const double percent : percents)
    runs.push_back(new Run(H, static_cast<int64_t>(static_cast<double>(steps_bytes) * percent / 100)));
  for (int round = 0; round < 5; ++round) {
    plain.once(x);
    for (Run* run : runs) run->once(x);
  }
  std::printf("%8s %12s %12s %10s %10s %10s %10s\n", "percent", "budget MiB", "peak MiB", "forwards", "planned",
              "expected", "measured");
  bool same = true;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const us::Plan& plan = runs[i]->recomputed.plan;
    std::printf("%8.0f %12.2f %12.2f %10ld %10ld %9.2fx %9.2fx\n", percents[i], mib(runs[i]->memory),
                mib(runs[i]->recomputed.peak_bytes), long(runs[i]->recomputed.forwards), long(plan.forwards),
                plan.slowdown(), runs[i]->best / plain.best);
    for (std::size_t p = 0; p < plain.params.size(); ++p) {
      const auto a = plain.params.at(p).grad(), b = runs[i]->params.at(p).grad();
      same &= std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
    }
  }
  std::printf("plain %.3f s; gradients have %s bits\n", plain.best, same ? "the same" : "OTHER");
  for (Run* run : runs) delete run;
  return same ? 0 : 1;
}

struct Long {
  double time;
  int64_t peak;
  us::RecomputeStats recomputed;
};

/// T steps, each with an input and a loss of its own.
Long walk_long(int64_t T, int64_t memory) {
  constexpr int64_t H = 64;
  us::ParameterSet<float> params(us::Seed{1});
  us::LSTMCell<float> cell(params, "lstm", {.input = H, .hidden = H});
  const us::Tensor<float> x = noise({997, H});
  us::Tape<float> tape;
  const double start = seconds();
  const auto step = [&](int64_t t, const us::LSTMState<float>& s) {
    const us::Var<float> in = tape.input({1, H}, x.values().subspan(static_cast<std::size_t>(t % 997 * H), H));
    us::LSTMState<float> next = cell(in, s);
    return std::pair(us::sum(us::square(next.h)), next);
  };
  auto [loss, last] = us::unroll(T, step, cell.zero_state(tape, 1), {.memory = memory});
  tape.backward(loss);
  return {seconds() - start, tape.stats().reserved_bytes + tape.stats().node_bytes, us::recompute_stats(tape)};
}

int long_run(int64_t T, int64_t memory) {
  const Long within = walk_long(T, memory);
  const double peak = peak_process_mib();
  std::printf("%s", within.recomputed.plan.to_string().c_str());
  std::printf("T=%ld within %.0f MiB: %.1f s, %ld forwards, the tape %.1f MiB, the process %.1f MiB\n", long(T),
              mib(memory), within.time, long(within.recomputed.forwards), mib(within.peak), peak);
  const int64_t part = std::max<int64_t>(T / 10, 1);
  const Long plain = walk_long(part, us::UnrollOptions::unlimited);
  std::printf("plain walk of %ld steps: %.2f s, the tape %.1f MiB; per step %.2f us against %.2f us, %.2fx\n",
              long(part), plain.time, mib(plain.peak), 1e6 * plain.time / double(part), 1e6 * within.time / double(T),
              within.time / double(T) / (plain.time / double(part)));
  return 0;
}

}  // namespace

int main(int count, char** values) {
  const auto number = [&](int i, int64_t otherwise) { return i < count ? std::atoll(values[i]) : otherwise; };
  const std::string what = count > 1 ? values[1] : "";
  try {
    if (what == "compare") return compare(number(2, 1000), number(3, 32), number(4, 256));
    if (what == "long") return long_run(number(2, 1'000'000), us::MiB(number(3, 200)));
    std::fprintf(stderr, "usage: %s compare [T B H] | long [T MiB]\n", values[0]);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
