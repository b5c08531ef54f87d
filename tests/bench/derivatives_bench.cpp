// What products with Jacobians and Hessians cost in units of a gradient: an LSTM over a whole sequence, double precision.
// Rounds are interleaved and the least time of each counts.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "unspool/derivatives.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

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

  us::Tape<double> tape;
  double forward = 1e9, gradient = 1e9, jvp = 1e9, vjp = 1e9, hvp = 1e9;
  const auto record = [&] {
    tape.reset();
    return mean(square(lstm(tape.input(x)).outputs));
  };
  for (int round = 0; round < rounds; ++round) {
    forward = std::min(forward, seconds([&] { record(); }));
    gradient = std::min(gradient, seconds([&] { tape.backward(record()); }));
    jvp = std::min(jvp, seconds([&] { us::jvp(loss, params, v); }));
    vjp = std::min(vjp, seconds([&] { us::vjp(loss, params, us::Tensor<double>({}, {1.0})); }));
    hvp = std::min(hvp, seconds([&] { us::hvp(loss, params, v); }));
  }
  std::printf(
      "T=%-5lld B=%-3lld H=%-4lld  gradient %8.2f ms   in gradients: forward %.2f  vjp %.2f  jvp %.2f  hvp %.2f\n",
      static_cast<long long>(T), static_cast<long long>(B), static_cast<long long>(H), 1e3 * gradient,
      forward / gradient, vjp / gradient, jvp / gradient, hvp / gradient);
}

}  // namespace

int main(int count, char** words) {
  const int rounds = count > 1 ? std::atoi(words[1]) : 5;
  compare(100, 1, 64, rounds);
  compare(100, 32, 64, rounds);
  compare(100, 32, 256, rounds);
}
