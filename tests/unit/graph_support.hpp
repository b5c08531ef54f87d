// Graphs that the tests of capture and of the writers share.
#pragma once

#include <bit>
#include <string>
#include <vector>

#include "unspool/graph.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace unspool::test {

/// h_t = tanh(x_t Wx + h_{t-1} Wh + b) and a loss a step: nine nodes a step, two constants, three parameters.
struct Rnn {
  explicit Rnn(int steps, TapeOptions options = {}) : tape(options) {
    h.push_back(tape.zeros({2, 3}));
    loss = tape.scalar(0);
    for (int t = 0; t < steps; ++t) {
      const auto scope = tape.scope("rnn");
      const auto step = tape.step(t);
      const Var<double> x = tape.input({2, 4}, std::vector<double>(8, 0.25 + t));
      const Var<double> from_input = matmul(x, Wx);  // in statements of their own: operands of + have no order
      const Var<double> from_state = matmul(h.back(), Wh);
      h.push_back(tanh(from_input + from_state + b));
      loss += sum(h.back() * h.back());
    }
  }
  Graph graph() const { return capture(tape); }

  ParameterSet<double> params{Seed{3}};
  Parameter<double>& Wx = params.add("Wx", {4, 3}, xavier_uniform());
  Parameter<double>& Wh = params.add("Wh", {3, 3}, xavier_uniform());
  Parameter<double>& b = params.add("b", {3}, zeros());
  Tape<double> tape;
  std::vector<Var<double>> h;
  Var<double> loss;
};

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// A name of every byte value and of what closes strings and elements in the formats.
inline std::string hostile_name() {
  std::string name = "\"quoted\\\" </script> <!-- ]]> &amp; %1 $x {} \\n";
  for (int byte = 0; byte < 256; ++byte) name += static_cast<char>(byte);
  return name;
}

inline bool same_bits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

/// What two graphs say is the same, to the bit, and so are their tables. Empty, or what differs first.
inline std::string difference(const Graph& a, const Graph& b) {
  if (a.scalar != b.scalar || a.ops != b.ops || a.texts != b.texts) return "tables";
  if (a.inputs != b.inputs || a.extents != b.extents || a.attrs != b.attrs) return "lists";
  if (a.loss != b.loss || a.walk_known != b.walk_known || a.memory != b.memory) return "memory";
  if (a.arena_bytes != b.arena_bytes || a.gradient_bytes_peak != b.gradient_bytes_peak) return "totals";
  if (a.nodes.size() != b.nodes.size() || a.values.size() != b.values.size()) return "sizes";
  if (a.parameters.size() != b.parameters.size()) return "parameters";
  for (std::size_t k = 0; k < a.parameters.size(); ++k) {
    const GraphParameter &p = a.parameters[k], &q = b.parameters[k];
    if (p.name != q.name || p.node != q.node || p.trainable != q.trainable || p.series != q.series ||
        !same_bits(p.gradient_norm, q.gradient_norm))
      return "parameter " + p.name;
  }
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    const GraphNode &x = a.nodes[i], &y = b.nodes[i];
    const std::string at = "node " + std::to_string(i) + ": ";
    if (x.op != y.op || x.scope != y.scope || x.file != y.file || x.line != y.line || x.step != y.step)
      return at + "labels";
    if (x.first_input != y.first_input || x.input_count != y.input_count || x.first_extent != y.first_extent ||
        x.rank != y.rank || x.first_attr != y.first_attr || x.attr_count != y.attr_count)
      return at + "lists";
    if (x.parameter_index != y.parameter_index || x.flags != y.flags) return at + "flags";
    if (x.value_bytes != y.value_bytes || x.saved_bytes != y.saved_bytes || x.flops != y.flops) return at + "costs";
    if (!same_bits(x.gradient_norm, y.gradient_norm)) return at + "gradient norm";
    if (a.values.empty()) continue;
    const GraphValues &v = a.values[i], &w = b.values[i];
    if (!same_bits(v.min, w.min) || !same_bits(v.max, w.max) || !same_bits(v.mean, w.mean) ||
        v.nonfinite != w.nonfinite)
      return at + "values";
  }
  return "";
}

/// Numbers without pattern, the same at every run.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % n;
  }

 private:
  std::uint64_t state_;
};

/// A recording without a pattern: any op, steps in any order or none, edges between any two.
inline Graph random_graph(Dice& dice, bool walk) {
  Tape<double> tape({.keep_gradient_norms = dice.below(2) == 0});
  ParameterSet<double> params;
  auto& w = params.add("w", {2}, ones());
  std::vector<Var<double>> made = {tape.variable({2}, std::vector<double>{1, -0.5})};
  const std::uint64_t steps = 1 + dice.below(12);
  const std::uint64_t nodes = dice.below(80);
  const auto pick = [&] {
    return made[made.size() - 1 - dice.below(std::min<std::uint64_t>(made.size(), 1 + dice.below(40)))];
  };
  const auto record = [&]() -> Var<double> {
    switch (dice.below(7)) {
      case 0:
        return tape.variable({2}, std::vector<double>{0.5, 2});
      case 1:
        return tanh(pick());
      case 2:
        return pick() + w;
      case 3:
        return reshape(pick(), {2});
      case 4:
        return select(stack({pick(), pick(), pick()}), 0, 1);
      case 5:
        return pick() * (dice.below(2) == 0 ? 0.125 : 2.0);
      default:
        return pick() * pick();
    }
  };
  while (made.size() < nodes) {
    // Often a stretch is repeated, as loops do.
    const std::uint64_t repetitions = dice.below(3) == 0 ? 1 + dice.below(6) : 1;
    const Dice start = dice;
    for (std::uint64_t k = 0; k < repetitions; ++k) {
      if (k + 1 < repetitions || repetitions > 1) dice = start;
      if (dice.below(3) == 0) {
        made.push_back(record());
        made.push_back(record());
      } else {
        const auto step = tape.step(static_cast<std::int64_t>((dice.below(steps) + k) % steps));
        made.push_back(record());
      }
    }
  }
  if (walk) tape.backward(sum(made.back()));
  return capture(tape);
}

}  // namespace unspool::test
