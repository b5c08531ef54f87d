// charlm: trains a character-level LSTM language model and leaves weights, curves, graph and a sample.
#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <limits>

#include "report.hpp"

namespace {

volatile std::sig_atomic_t stop = 0;

// The first Ctrl-C ends training after the current step, with everything saved; the second one ends the process.
void request_stop(int) {
  stop = 1;
  std::signal(SIGINT, SIG_DFL);
}

int run(const charlm::Options& options) {
  namespace us = unspool;
  const charlm::Corpus corpus = charlm::read_corpus(options.text);
  charlm::Model model(options, corpus.vocabulary());
  fmt::print("text      {}: {} characters to train on, {} held out, {} different\n", corpus.source, corpus.train.size(),
             corpus.held_out.size(), corpus.vocabulary());
  fmt::print("model     {}-layer LSTM of width {}, {} parameters\n", options.layers, options.hidden,
             model.parameters().value_count());
  fmt::print("training  {} steps of {} sequences by {} time steps\n\n", options.steps, options.batch, options.window);
  std::fflush(stdout);

  std::filesystem::create_directories(options.out);  // now, not after training
  std::signal(SIGINT, request_stop);
  const charlm::Training training = charlm::train(model, corpus, options, stop);
  if (training.interrupted) fmt::print("\nstopped after {} steps; saving what was learnt\n", training.steps);

  const std::int64_t all = std::numeric_limits<std::int64_t>::max();
  fmt::print("\nheld-out text: {:.3f} bits per character after {:.0f} s\n",
             charlm::held_out_bits(model, corpus, options, all), training.seconds);
  charlm::write_report(model, corpus, options, training);
  if (options.sample > 0)
    fmt::print("\n--- a sample, temperature {} ---\n{}\n---\n", options.temperature,
               model.sample(corpus, options.sample, options.temperature, us::Seed{options.seed}));
  fmt::print(
      "\nwrote {0}/model.safetensors  weights, PyTorch's names\n"
      "      {0}/loss.svg           loss over training\n"
      "      {0}/gradient.svg       gradient over time\n"
      "      {0}/graph.svg          the unrolled training step (also .dot .json .txt)\n",
      options.out);
  return training.interrupted ? 130 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const charlm::Options options = charlm::parse_options(argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "quickstart: {}\n", error.what());
    return 1;
  }
}
