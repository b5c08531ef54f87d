#include "options.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace charlm {

Options parse_options(int argc, char** argv) {
  Options o;
  CLI::App app("Trains a character-level LSTM language model and shows what it learnt.", "tools/quickstart");
  app.add_option("text", o.text, "text file to train on; without it the quotations of Debian's fortunes packages");
  app.add_option("-o,--out", o.out, "folder for the results")->capture_default_str();
  app.add_option("--steps", o.steps, "training steps")->check(CLI::Range(1, 10'000'000))->capture_default_str();
  app.add_option("--batch", o.batch, "sequences side by side")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--window", o.window, "time steps a training step unfolds")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--hidden", o.hidden, "hidden width of the LSTM")->check(CLI::Range(1, 8192))->capture_default_str();
  app.add_option("--layers", o.layers, "LSTM layers")->check(CLI::Range(1, 16))->capture_default_str();
  app.add_option("--embedding", o.embedding, "width of a character's embedding")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--lr", o.lr, "Adam's learning rate at its highest")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--clip", o.clip, "largest gradient norm")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--temperature", o.temperature, "of the sample at the end")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--sample", o.sample, "characters of the sample at the end")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--seed", o.seed, "of initial weights and the sample")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return o;
}

}  // namespace charlm
