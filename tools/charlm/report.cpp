#include "report.hpp"

#include <fmt/core.h>

#include <array>

namespace charlm {
namespace {

// One more forward and backward over the first window, on a tape that keeps every node's gradient norm.
void write_graph_and_gradients(Model& model, const Corpus& corpus, const Options& options, const std::string& folder) {
  us::Windows windows = us::windows(corpus.train, {.steps = options.window});
  us::Tape tape({.keep_gradient_norms = true});
  Carried state = model.zero_state(1);
  const us::Var loss = model.loss(tape, *windows.begin(), state);
  model.parameters().zero_grad();
  tape.backward(loss);

  const us::Graph graph = us::capture(tape);
  for (const char* extension : {"svg", "dot", "json", "txt"})
    us::write_graph(graph, fmt::format("{}/graph.{}", folder, extension));

  us::ChartSeries arriving{.name = "hidden state", .y = {}, .x = {}};
  for (const us::StepGradient& step : us::gradient_by_step(graph)) {
    arriving.x.push_back(static_cast<double>(step.step));
    arriving.y.push_back(step.norm);
  }
  us::write_line_chart(
      folder + "/gradient.svg", std::span(&arriving, 1),
      {.title = "Gradient that arrives at each time step", .x_label = "time step t", .y_label = "norm", .log_y = true});
}

void write_loss_curve(const Training& training, const std::string& path) {
  std::array<us::ChartSeries, 2> curves{
      us::ChartSeries{.name = "training", .y = training.bits, .x = {}},
      us::ChartSeries{.name = "held out", .y = training.checked_bits, .x = training.checked_at}};
  us::write_line_chart(path, curves, {.title = "Loss", .x_label = "training step", .y_label = "bits per character"});
}

}  // namespace

void write_report(Model& model, const Corpus& corpus, const Options& options, const Training& training) {
  std::string vocabulary;
  for (const unsigned char byte : corpus.bytes_of_id) vocabulary += fmt::format("{:02x}", byte);
  us::save_safetensors(model.parameters(), options.out + "/model.safetensors",
                       {{"vocabulary", vocabulary}, {"steps", std::to_string(training.steps)}});
  write_loss_curve(training, options.out + "/loss.svg");
  write_graph_and_gradients(model, corpus, options, options.out);
}

}  // namespace charlm
