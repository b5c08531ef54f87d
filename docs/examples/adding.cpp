// Adding problem (Hochreiter and Schmidhuber, 1997, section 5.4): T pairs of a random number and a marker; two steps
// are marked, and what is asked for at the end is the sum of their numbers. Predicting 1 has a mean squared error of
// 0.167.
//
//   adding --length 400 --seeds 5
#include "fresh.hpp"

using namespace example;

namespace {

/// Inputs [T,rows,2] and sums [rows,1], drawn afresh; the markers are one in each half, as in Le et al. (2015).
struct Problem {
  us::Tensor<float> inputs, sums;

  Problem(std::int64_t length, std::int64_t rows, us::Random& random) : inputs({length, rows, 2}), sums({rows, 1}) {
    for (std::int64_t i = 0; i < length * rows; ++i) inputs[2 * i] = static_cast<float>(random.uniform());
    for (std::int64_t b = 0; b < rows; ++b)
      for (const std::int64_t t : {random.below(length / 2), length / 2 + random.below(length - length / 2)}) {
        inputs[2 * (t * rows + b) + 1] = 1;
        sums[b] += inputs[2 * (t * rows + b)];
      }
  }
};

struct Model {
  us::ParameterSet<> params;
  us::LSTM<> lstm;
  us::Linear<> head;

  Model(std::int64_t hidden, us::Seed seed)
      : params(seed),
        lstm(params, "lstm", {.input = 2, .hidden = hidden, .forget_bias = 3}),
        head(params, "head", {.input = hidden, .output = 1}) {}

  us::Var<> loss(us::Tape<>& tape, const Problem& p) const {
    const auto [ys, last] = lstm(tape.input(p.inputs));
    return mse(head(select(last.h, 0, 0)), tape.input(p.sums));
  }
};

/// Training begins with sequences of 10 steps, which grow by a factor until two thirds of it are over.
std::int64_t grown(std::int64_t length, double done) {
  const double shortest = std::min(10.0, static_cast<double>(length)), share = std::min(1.0, 1.5 * done);
  return static_cast<std::int64_t>(shortest * std::pow(static_cast<double>(length) / shortest, share));
}

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv, "length=400 steps=3000 batch=32 hidden=64 lr=5e-3 seed=1 seeds=5 threads=1 fresh=1000");
  const std::int64_t length = o.integer("length");
  double worst = 0;
  for (std::int64_t k = 0; k < o.integer("seeds"); ++k) {
    const us::Seed seed = o.seed(k);
    Model m(o.integer("hidden"), seed);
    const double seconds = train_on_fresh(
        m.params, o, seed, [&](us::Tape<>& tape, std::int64_t rows, us::Random& random, std::int64_t step) {
          const std::int64_t now = grown(length, static_cast<double>(step) / o.real("steps"));
          return m.loss(tape, Problem(now, rows, random));
        });
    const double error = on_fresh(o, seed, [&](us::Tape<>& tape, std::int64_t rows, us::Random& random) {
      return m.loss(tape, Problem(length, rows, random)).item();
    });
    fmt::print("seed {}: mean squared error {:.5f} on {} fresh sequences of {} steps, {:.0f} s\n", seed.value, error,
               o.text("fresh"), length, seconds);
    worst = std::max(worst, error);
  }
  fmt::print("worst of {} seeds: {:.5f}\n", o.text("seeds"), worst);
}
