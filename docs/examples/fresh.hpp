// Tasks whose examples are made up: every training step draws its own, and what is measured is drawn afresh. The
// programs differ in what they draw and in their models.
#pragma once

#include "batches.hpp"
#include "options.hpp"
#include "trainer.hpp"

namespace example {

/// Trains for --steps steps of --batch rows; loss(tape, rows, random, step) is the mean loss over that many rows drawn
/// from `random`.
template <class Loss>
double train_on_fresh(us::ParameterSet<>& params, const Options& o, us::Seed seed, Loss&& loss) {
  const std::int64_t steps = o.integer("steps");
  Trainer trainer(params, {.steps = steps, .lr = o.real("lr"), .threads = o.integer("threads"), .seed = seed});
  for (std::int64_t step = 0; step < steps; ++step)
    trainer.step(o.integer("batch"), [&](us::Tape<>& tape, const us::Shard& s) {
      us::Random random(seed, static_cast<std::uint64_t>(2 * step + s.index + 1));
      return loss(tape, s.rows(), random, step);
    });
  return trainer.seconds();
}

/// Measures after training: measure(tape, rows, random) draws --fresh rows from a stream that no training step drew from.
template <class Measure>
auto on_fresh(const Options& o, us::Seed seed, Measure&& measure) {
  us::Tape<> tape;
  us::Random random(seed);
  return measure(tape, o.integer("fresh"), random);
}

/// Biases of a one-layer LSTM for dependencies of up to `steps` steps: forget gates log u with u uniform in 1..steps - 1,
/// input gates the negative of it (Tallec and Ollivier, ICLR 2018, section 2.2).
inline void chrono_biases(us::ParameterSet<>& params, const std::string& lstm, std::int64_t steps, us::Seed seed) {
  const std::span<float> bias = params[lstm + ".bias_ih_l0"].mutable_values();
  const std::span<float> other = params[lstm + ".bias_hh_l0"].mutable_values();
  const std::size_t hidden = bias.size() / 4;  // gates i, f, g, o
  us::Random random(seed, 1'000'000'007);
  std::ranges::fill(bias, 0.0f), std::ranges::fill(other, 0.0f);
  for (std::size_t k = 0; k < hidden; ++k) {
    bias[hidden + k] = static_cast<float>(std::log(random.uniform(1, static_cast<double>(steps - 1))));
    bias[k] = -bias[hidden + k];
  }
}

/// Says for each of --seeds seeds how many of --fresh are right; right(seed) trains and returns {right, seconds}.
template <class Right>
void report_seeds(const Options& o, const char* what, Right&& right) {
  const std::int64_t seeds = o.integer("seeds"), fresh = o.integer("fresh");
  std::int64_t solved = 0;
  for (std::int64_t k = 0; k < seeds; ++k) {
    const auto [count, seconds] = right(o.seed(k));
    fmt::print("seed {}: {} of {} fresh {} right, {:.0f} s\n", o.seed(k).value, count, fresh, what, seconds);
    solved += count == fresh;
  }
  fmt::print("all right with {} of {} seeds\n", solved, seeds);
}

}  // namespace example
