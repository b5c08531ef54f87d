// demo: records a training step of a small network and shows it, so that a picture needs no code.
#include <memory>

#include "command.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

namespace graphtool {
namespace {

namespace us = unspool;
using Real = double;

struct DemoOptions {
  std::string model;
  std::string loss = "all";
  std::int64_t steps = 8, layers = 1, hidden = 16, input = 8, batch = 4;
  std::uint64_t seed = 1;
  bool composed = false;
  bool whole = false;
  Picture picture;
};

class Demo {
 public:
  explicit Demo(const DemoOptions& o) : o_(o), params_(us::Seed{o.seed}), random_(us::Seed{o.seed + 1}) {}

  us::Graph run() {
    if (o_.model == "rnn")
      record<us::RNN<Real>, us::RNNCell<Real>, us::RNNOptions, us::RNNCellOptions>();
    else if (o_.model == "lstm")
      record<us::LSTM<Real>, us::LSTMCell<Real>, us::LSTMOptions, us::LSTMCellOptions>();
    else
      record<us::GRU<Real>, us::GRUCell<Real>, us::GRUOptions, us::GRUCellOptions>();
    return us::capture(tape_);
  }

 private:
  static us::Var<Real> output(const us::Var<Real>& h) { return h; }
  static us::Var<Real> output(const us::LSTMState<Real>& state) { return state.h; }

  us::Var<Real> noise(const us::Shape& shape) {
    us::Tensor<Real> x(shape);
    for (Real& v : x.values()) v = random_.normal();
    return tape_.input(x);
  }

  template <class Layer, class Cell, class LayerOptions, class CellOptions>
  void record() {
    if (o_.whole)
      record_whole<Layer, LayerOptions>();
    else
      record_steps<Cell, CellOptions>();
  }

  // Layer by layer over all steps, as layers do.
  template <class Layer, class Options>
  void record_whole() {
    Options options{.input = o_.input, .hidden = o_.hidden, .layers = static_cast<int>(o_.layers)};
    options.fused = !o_.composed;
    const Layer layer(params_, o_.model, options);
    const us::Linear<Real> head(params_, "head", {.input = o_.hidden, .output = o_.input});
    us::Var<Real> ys = layer(noise({o_.steps, o_.batch, o_.input})).outputs;
    if (o_.loss == "last") ys = slice(ys, 0, o_.steps - 1, o_.steps);
    const us::Var<Real> out = head(ys);
    tape_.backward(us::mse(out, noise(out.shape())));
  }

  // Time outside, layers inside: a step is one column, as in the figures of textbooks.
  template <class Cell, class Options>
  void record_steps() {
    Options options;
    options.fused = !o_.composed;
    std::vector<Cell> cells;
    options.hidden = o_.hidden;
    for (std::int64_t layer = 0; layer < o_.layers; ++layer) {
      options.input = layer == 0 ? o_.input : o_.hidden;
      cells.emplace_back(params_, "l" + std::to_string(layer), options);
    }
    const us::Linear<Real> head(params_, "head", {.input = o_.hidden, .output = o_.input});
    std::vector<typename Cell::State> states;
    for (const Cell& cell : cells) states.push_back(cell.zero_state(tape_, o_.batch));
    us::Var<Real> loss;
    for (std::int64_t t = 0; t < o_.steps; ++t) {
      const auto step = tape_.step(t);
      us::Var<Real> x = noise({o_.batch, o_.input});
      for (std::size_t layer = 0; layer < cells.size(); ++layer) {
        states[layer] = cells[layer](x, states[layer]);
        x = output(states[layer]);
      }
      if (o_.loss == "last" && t + 1 < o_.steps) continue;
      const us::Var<Real> error = us::mse(head(x), noise({o_.batch, o_.input}));
      loss = t == 0 || o_.loss == "last" ? error : loss + error;
    }
    tape_.backward(loss);
  }

  const DemoOptions& o_;
  us::ParameterSet<Real> params_;
  us::Random random_;
  us::Tape<Real> tape_{us::TapeOptions{.keep_gradient_norms = true, .step_ledger = true}};
};

}  // namespace

void add_demo(CLI::App& app, Context&) {
  CLI::App* command = app.add_subcommand("demo", "record a small network and show it; needs no code and no file");
  auto o = std::make_shared<DemoOptions>();
  command->add_option("model", o->model, "what to record")
      ->required()
      ->check(CLI::IsMember({"rnn", "lstm", "gru"}))
      ->option_text("rnn|lstm|gru");
  const auto count = [&](const char* name, std::int64_t& value, std::int64_t most, const char* what) {
    command->add_option(name, value, what)
        ->check(CLI::Range(std::int64_t{1}, most))
        ->option_text("N [" + std::to_string(value) + "]");
  };
  count("--steps", o->steps, 100'000, "time steps");
  count("--layers", o->layers, 64, "layers, one upon the other");
  count("--hidden", o->hidden, 4096, "width of a layer");
  count("--input", o->input, 4096, "width of an input");
  count("--batch", o->batch, 4096, "sequences side by side");
  command->add_option("--seed", o->seed, "of weights and inputs")->option_text("N [1]");
  command->add_option("--loss", o->loss, "a loss at every step or at the last one")
      ->check(CLI::IsMember({"all", "last"}))
      ->option_text("all|last [all]");
  command->add_flag("--composed", o->composed, "cells of elementary ops, gate by gate");
  command->add_flag("--whole", o->whole, "layers over whole sequences instead of a cell a step");
  add_picture(*command, o->picture, "--show-steps");
  command->callback([o] {
    if (o->picture.style.title.empty()) o->picture.style.title = "A recurrent network: " + o->model;
    write_picture(Demo(*o).run(), o->picture);
  });
}

}  // namespace graphtool
