// The workloads that every program of the comparison runs, and the numbers they run on: the same bits everywhere.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace benchmark {

enum class Cell { rnn, lstm, gru };

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
class Numbers {
 public:
  explicit Numbers(std::uint64_t stream) : state_(stream * 0x9e3779b97f4a7c15u + 1) {}

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// Uniform in ±bound: 24 bits, the same float on every machine.
  float uniform(float bound) { return (static_cast<float>(bits() >> 40) * 0x1p-23f - 1.0f) * bound; }
  std::vector<float> uniform(std::int64_t count, float bound) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = uniform(bound);
    return values;
  }

 private:
  std::uint64_t state_;
};

/// A recurrent network with a linear read-out and the softmax cross-entropy at every step, averaged: tensors are
/// [steps, batch, width]. Layers after the first take `hidden` inputs.
struct Recurrence {
  std::string_view name;
  Cell cell;
  std::int64_t batch, steps, input, hidden, outputs, layers;
  std::int64_t shortest = steps;  // rows have shortest..steps steps

  std::int64_t gates() const { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
  std::int64_t layer_input(std::int64_t layer) const { return layer == 0 ? input : hidden; }
  /// A length for each row, uniform in shortest..steps.
  std::vector<std::int64_t> lengths() const {
    Numbers draw(2000);
    std::vector<std::int64_t> drawn(static_cast<std::size_t>(batch));
    for (std::int64_t& length : drawn)
      length = shortest + static_cast<std::int64_t>(draw.bits() % static_cast<std::uint64_t>(steps - shortest + 1));
    return drawn;
  }

  /// Multiplications and additions of the matrix products of one training step; no gradient of the inputs.
  double product_flops() const {
    double forward = static_cast<double>(hidden * outputs), states = forward;
    for (std::int64_t l = 0; l < layers; ++l) {
      forward += static_cast<double>(gates() * hidden * (layer_input(l) + hidden));
      states += static_cast<double>(gates() * hidden * (hidden + (l > 0 ? hidden : 0)));
    }
    std::int64_t rows = 0;
    for (const std::int64_t length : lengths()) rows += length;
    return 2.0 * static_cast<double>(rows) * (2 * forward + states);
  }
};

inline constexpr Recurrence recurrences[] = {
    {"W1", Cell::rnn, 1, 100, 64, 128, 64, 1},         {"W2", Cell::lstm, 1, 100, 64, 128, 64, 1},
    {"W3", Cell::lstm, 32, 100, 128, 256, 128, 1},     {"W4", Cell::lstm, 64, 128, 256, 512, 256, 2},
    {"W5", Cell::gru, 32, 100, 128, 256, 128, 1},      {"W6", Cell::lstm, 1, 1000, 8, 16, 8, 1},
    {"W8", Cell::lstm, 32, 100, 128, 256, 128, 1, 10},
};

/// `ops` elementwise ops, each on the result of the one before: tanh, add a constant, multiply by a constant, in turn.
/// The loss is the sum of the last result, the gradient that of the first value.
struct Chain {
  std::string_view name;
  std::int64_t ops, width;

  double product_flops() const { return 0; }

  // Two rounds of constants, so that the value neither grows nor settles and the gradient stays a normal number: after
  // two rounds x has passed tanh twice and is otherwise where it was.
  static constexpr double shift[] = {0.01, -0.0125};
  static constexpr double factor[] = {1.25, 0.8};
};

inline constexpr Chain chains[] = {{"W7/1", 10000, 1}, {"W7/8", 10000, 8}};

/// One layer's parameters, PyTorch's layout and gate order: weight_ih [G*H,I], weight_hh [G*H,H], biases [G*H].
struct LayerWeights {
  std::vector<float> weight_ih, weight_hh, bias_ih, bias_hh;
};

/// Everything a program needs to run a Recurrence; weights are uniform in ±1/sqrt(hidden).
struct RecurrenceData {
  std::vector<LayerWeights> layers;
  std::vector<float> weight_out, bias_out;  // [outputs,hidden], [outputs]
  std::vector<float> x;                     // [steps,batch,input], uniform in ±1
  std::vector<std::int64_t> targets;        // [steps,batch]

  explicit RecurrenceData(const Recurrence& w) {
    const float bound = 1.0f / std::sqrt(static_cast<float>(w.hidden));
    std::uint64_t stream = 100 * static_cast<std::uint64_t>(&w - recurrences);
    const auto weights = [&](std::int64_t count) { return Numbers(++stream).uniform(count, bound); };
    for (std::int64_t l = 0; l < w.layers; ++l) {
      const std::int64_t rows = w.gates() * w.hidden;
      LayerWeights layer;
      layer.weight_ih = weights(rows * w.layer_input(l));
      layer.weight_hh = weights(rows * w.hidden);
      layer.bias_ih = weights(rows);
      layer.bias_hh = weights(rows);
      layers.push_back(std::move(layer));
    }
    weight_out = weights(w.outputs * w.hidden);
    bias_out = weights(w.outputs);
    x = Numbers(++stream).uniform(w.steps * w.batch * w.input, 1.0f);
    Numbers draw(++stream);
    targets.resize(static_cast<std::size_t>(w.steps * w.batch));
    for (std::int64_t& target : targets)
      target = static_cast<std::int64_t>(draw.bits() % static_cast<std::uint64_t>(w.outputs));
  }
};

/// The first value of a Chain.
inline std::vector<float> chain_start(const Chain& chain) { return Numbers(1000).uniform(chain.width, 1.0f); }

/// The row of a table called `name`, or null.
template <class Row, std::size_t N>
const Row* find(const Row (&table)[N], std::string_view name) {
  for (const Row& row : table)
    if (row.name == name) return &row;
  return nullptr;
}

[[noreturn]] inline void usage(const char* program, const char* forms) {
  std::fprintf(stderr, "usage: %s WORKLOAD %s [SECONDS]; workloads: W1 W2 W3 W4 W5 W6 W7/1 W7/8 W8\n", program, forms);
  std::exit(2);
}

}  // namespace benchmark
