// An embedding, a recurrent layer and a head, with weights from a file or for one.
#include "run.hpp"
#include "unspool/layers.hpp"
#include "unspool/safetensors.hpp"

namespace {

template <class Layer, class Options>
void run_tagger(const Case& c, Options options) {
  options.input = c.integer("width");
  options.hidden = c.integer("hidden");
  options.layers = static_cast<int>(c.integer("layers"));
  options.bidirectional = c.flag("bidirectional");
  us::ParameterSet<double> params(us::Seed{static_cast<std::uint64_t>(c.integer("seed"))});
  const us::Embedding table(params, "table", {.count = c.integer("ids"), .width = options.input});
  const Layer layer(params, "encoder", options);
  const std::int64_t out = layer.cells()[0].output() * (options.bidirectional ? 2 : 1);
  const us::Linear head(params, "head", {.input = out, .output = c.integer("classes")});
  if (c.settings.contains("load")) load_safetensors(params, c.word("load"));
  if (c.settings.contains("save")) save_safetensors(params, c.word("save"));
  us::Tape<double> tape;
  const auto ys = layer(table.sequence(tape, c.ids.at("ids"), c.ids.at("lengths"))).outputs;
  write_tensor("y", head(ys).padded().values());
}

}  // namespace

void run_weights(const Case& c) {
  const std::string& cell = c.word("cell");
  if (cell == "lstm") return run_tagger<us::LSTM<double>>(c, us::LSTMOptions{.projection = c.integer("projection")});
  if (cell == "gru") return run_tagger<us::GRU<double>>(c, us::GRUOptions{});
  us::RNNOptions options;
  options.nonlinearity = cell == "relu" ? us::Nonlinearity::relu : us::Nonlinearity::tanh;
  run_tagger<us::RNN<double>>(c, options);
}
