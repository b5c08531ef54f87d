// What products with Jacobians and Hessians, and splitting a gradient by step and by example, cost in units of a gradient: an LSTM over a whole sequence, double precision.
// Rounds are interleaved and the least time of each counts.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "unspool/derivatives.hpp"
#include "unspool/layers.hpp"
#include "unspool/ledger.hpp"
#include "unspool/ops.hpp"
#include "unspool/per_example.hpp"

namespace us = unspool;

namespace {

/// Processor time of this thread: on a shared machine the clock on the wall also counts the neighbours.
double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds(auto&& f) {
  const double start = thread_seconds();
  f();
  return thread_seconds() - start;
}

us::Tensor<double> noise(const us::Shape& shape, us::Random& random) {
  us::Tensor<double> x(shape);
  for (double& v : x.values()) v = random.normal();
  return x;
}

void compare(std::int64_t T, std::int64_t B, std::int64_t H, int rounds) {
  us::Random random(us::Seed{1});
  const us::Tensor<double> x = noise({T, B, H}, random);
  const us::LSTMOptions options{.input = H, .hidden = H};
  us::ParameterSet<double> params;
  const us::LSTM<double> lstm(params, "rnn", options);
  us::TensorList<double> v;
  for (const us::Parameter<double>& p : params) v.push_back(noise(p.shape(), random));
  const auto loss = [&](auto& tape, auto& p) {
    return mean(square(us::LSTM(p, "rnn", options)(tape.input(x)).outputs));
  };

  us::Tape<double> tape, kept({.step_ledger = true});
  double forward = 1e9, gradient = 1e9, jvp = 1e9, vjp = 1e9, hvp = 1e9;
  double ledger = 1e9, steps = 1e9, norms = 1e9, examples = 1e9;
  const auto record = [&](us::Tape<double>& on) {
    on.reset();
    return mean(square(lstm(on.input(x)).outputs));
  };
  for (int round = 0; round < rounds; ++round) {
    forward = std::min(forward, seconds([&] { record(tape); }));
    gradient = std::min(gradient, seconds([&] { tape.backward(record(tape)); }));
    jvp = std::min(jvp, seconds([&] { us::jvp(loss, params, v); }));
    vjp = std::min(vjp, seconds([&] { us::vjp(loss, params, us::Tensor<double>({}, {1.0})); }));
    hvp = std::min(hvp, seconds([&] { us::hvp(loss, params, v); }));
    ledger = std::min(ledger, seconds([&] { kept.backward(record(kept)); }));
    steps = std::min(steps, seconds([&] {
                       for (const us::Parameter<double>& p : params) us::step_shares(kept, p);
                     }));
    norms = std::min(norms, seconds([&] { us::per_example_norms(kept, params, B); }));
    examples = std::min(examples, seconds([&] {
                          for (const us::Parameter<double>& p : params) us::per_example_gradients(kept, p, B);
                        }));
  }
  std::printf("T=%-5lld B=%-3lld H=%-4lld  gradient %8.2f ms; in gradients:\n", static_cast<long long>(T),
              static_cast<long long>(B), static_cast<long long>(H), 1e3 * gradient);
  std::printf("  forward %.2f  vjp %.2f  jvp %.2f  hvp %.2f\n", forward / gradient, vjp / gradient, jvp / gradient,
              hvp / gradient);
  std::printf("  with a ledger %.2f, and then: norms by step %.2f, norms by example %.2f, gradients by example %.2f\n",
              ledger / gradient, steps / gradient, norms / gradient, examples / gradient);
}

}  // namespace

int main(int count, char** words) {
  const int rounds = count > 1 ? std::atoi(words[1]) : 5;
  compare(100, 1, 64, rounds);
  compare(100, 32, 64, rounds);
  compare(100, 32, 256, rounds);
}
