// Graphs that the tests of capture and of the writers share.
#pragma once

#include <string>
#include <vector>

#include "unspool/graph.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace unspool::testing {

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

}  // namespace unspool::testing
