// Writes models, and beside each what it must compute: driver FOLDER. A case is NAME.onnx and NAME.json, a list of runs
// with {"inputs", "outputs", "lengths"}; a tensor is {"type", "dims", "data"}.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "support/random_tensor.hpp"
#include "unspool/layers.hpp"
#include "unspool/onnx.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::random_tensor;
using Lengths = std::vector<std::int64_t>;

namespace {

/// A JSON file of runs.
class Runs {
 public:
  explicit Runs(const std::string& path) : out_(path) { out_ << "["; }
  ~Runs() { out_ << "\n]\n"; }

  void begin(const Lengths& lengths) {
    out_ << (first_ ? "\n" : ",\n") << "{\"lengths\": [";
    first_ = false;
    list(lengths);
    out_ << "]";
  }
  void begin_group(const char* name) {
    out_ << ", \"" << name << "\": {";
    first_tensor_ = true;
  }
  void end_group() { out_ << "}"; }
  void end() { out_ << "}"; }

  template <class Values>
  void tensor(const std::string& name, const char* type, const us::Shape& shape, const Values& values) {
    out_ << (first_tensor_ ? "" : ", ") << "\"" << name << "\": {\"type\": \"" << type << "\", \"dims\": [";
    first_tensor_ = false;
    list(shape.extents());
    out_ << "], \"data\": [";
    list(values);
    out_ << "]}";
  }

 private:
  template <class Values>
  void list(const Values& values) {
    bool first = true;
    for (const auto& v : values) {
      char text[40];
      std::snprintf(text, sizeof text, "%.17g", static_cast<double>(v));
      out_ << (first ? "" : ",") << text;
      first = false;
    }
  }

  std::ofstream out_;
  bool first_ = true, first_tensor_ = true;
};

/// Batches of several numbers of steps and rows, for one and the same file.
const std::vector<Lengths> batches{{5, 3, 0, 4}, {7, 7}, {2}, {0, 1, 9}, {1}};

std::vector<us::Var<>> parts(const us::Var<>& h) { return {h}; }
std::vector<us::Var<>> parts(const us::LSTMState<>& s) { return {s.h, s.c}; }
void make(us::Tape<>& tape, const us::Shape& shape, us::Var<>& h) { h = tape.input(random_tensor<float>(shape, 5)); }
void make(us::Tape<>& tape, const us::Shape& shape, us::LSTMState<>& s) {
  s = {tape.input(random_tensor<float>(shape, 5)), tape.input(random_tensor<float>(shape, 6))};
}

void write_states(Runs& runs, const std::vector<us::Var<>>& states, const char* (&names)[2],
                  const std::string& prefix) {
  for (std::size_t k = 0; k < states.size(); ++k)
    runs.tensor(prefix + names[k], "float32", states[k].shape(), states[k].values());
}

const char* initial_names[] = {"initial_h", "initial_c"};
const char* final_names[] = {"h_n", "c_n"};

/// One recurrent layer, by itself or between an embedding and a head.
template <class Layer, class Options>
void write_layer(const std::string& folder, const std::string& name, Options options, bool whole_model) {
  constexpr std::int64_t I = 3, H = 6, V = 11, C = 4;
  us::ParameterSet<> params(us::Seed{8});
  options.input = I;
  options.hidden = H;
  options.dropout = 0.5;  // left out of the file
  Layer layer(params, "encoder", options);
  layer.set_training(false);
  const us::Embedding table(params, "table", {.count = V, .width = I});
  const us::Linear head(params, "head",
                        {.input = layer.cells()[0].hidden() * (options.bidirectional ? 2 : 1), .output = C});
  const std::string base = folder + "/" + name;
  if (whole_model)
    us::save_onnx(base + ".onnx", {table, layer, head});
  else
    us::save_onnx(base + ".onnx", {layer});
  Runs runs(base + ".json");
  for (const Lengths& lengths : batches) {
    const auto B = static_cast<std::int64_t>(lengths.size());
    const std::int64_t T = *std::max_element(lengths.begin(), lengths.end());
    us::Tape tape;
    std::vector<std::int64_t> ids;
    us::Random random(us::Seed{3});
    for (std::int64_t i = 0; i < T * B; ++i) ids.push_back(random.below(V));
    const us::Var x = whole_model ? table(tape, ids, {T, B}) : tape.input(random_tensor<float>({T, B, I}, 4));
    typename Layer::State initial;
    make(tape, {static_cast<std::int64_t>(layer.cells().size()), B, H}, initial);
    const auto [ys, last] = layer(us::Sequence(x, lengths), initial);
    const us::Var y = whole_model ? head(ys).padded() : ys.padded();

    runs.begin(lengths);
    runs.begin_group("inputs");
    if (whole_model)
      runs.tensor("ids", "int64", {T, B}, ids);
    else
      runs.tensor("x", "float32", x.shape(), x.values());
    runs.tensor("sequence_lens", "int32", {B}, lengths);
    write_states(runs, parts(initial), initial_names, "");
    runs.end_group();
    runs.begin_group("outputs");
    runs.tensor("y", "float32", y.shape(), y.values());
    write_states(runs, parts(last), final_names, "");
    runs.end_group();
    runs.end();
  }
}

template <class Layer, class Options>
void write_layers(const std::string& folder, const std::string& name, Options options) {
  for (const int layers : {1, 3})
    for (const bool bidirectional : {false, true})
      for (const bool whole_model : {false, true}) {
        options.layers = layers;
        options.bidirectional = bidirectional;
        write_layer<Layer>(folder,
                           name + "_" + std::to_string(layers) + (bidirectional ? "_bidirectional" : "") +
                               (whole_model ? "_model" : ""),
                           options, whole_model);
      }
}

/// Two recurrent modules and two linear ones, the first without bias; nothing between a model and its input.
void write_mixed(const std::string& folder) {
  us::ParameterSet<> params(us::Seed{8});
  const us::Linear front(params, "front", {.input = 2, .output = 3, .bias = false});
  const us::GRU gru(params, "lower", {.input = 3, .hidden = 4, .layers = 2, .residual = true});
  const us::LSTM lstm(params, "upper", {.input = 4, .hidden = 5});
  const us::Linear head(params, "", {.input = 5, .output = 2});
  us::save_onnx(folder + "/mixed.onnx", {front, gru, lstm, head});
  Runs runs(folder + "/mixed.json");
  const Lengths lengths{4, 2, 6};
  us::Tape tape;
  const us::Var x = tape.input(random_tensor<float>({6, 3, 2}, 4));
  us::Var<> h;
  us::LSTMState<> s;
  make(tape, {2, 3, 4}, h);
  make(tape, {1, 3, 5}, s);
  const auto [low, h_n] = gru(front(us::Sequence(x, lengths)), h);
  const auto [top, s_n] = lstm(low, s);
  const us::Var y = head(top).padded();
  runs.begin(lengths);
  runs.begin_group("inputs");
  runs.tensor("x", "float32", x.shape(), x.values());
  runs.tensor("sequence_lens", "int32", {3}, lengths);
  write_states(runs, parts(h), initial_names, "lower.");
  write_states(runs, parts(s), initial_names, "upper.");
  runs.end_group();
  runs.begin_group("outputs");
  runs.tensor("y", "float32", y.shape(), y.values());
  write_states(runs, parts(h_n), final_names, "lower.");
  write_states(runs, parts(s_n), final_names, "upper.");
  runs.end_group();
  runs.end();
}

/// No recurrence: a file without lengths. And double, which the checker takes though few runtimes do.
void write_plain(const std::string& folder) {
  us::ParameterSet<> params(us::Seed{8});
  const us::Linear linear(params, "only", {.input = 2, .output = 3});
  us::save_onnx(folder + "/linear.onnx", {linear});
  Runs runs(folder + "/linear.json");
  us::Tape tape;
  const us::Var x = tape.input(random_tensor<float>({4, 2, 2}, 4)), y = linear(x);
  runs.begin({4, 4});
  runs.begin_group("inputs");
  runs.tensor("x", "float32", x.shape(), x.values());
  runs.end_group();
  runs.begin_group("outputs");
  runs.tensor("y", "float32", y.shape(), y.values());
  runs.end_group();
  runs.end();
  us::ParameterSet<double> doubles;
  us::save_onnx(folder + "/double.onnx", {us::LSTM<double>(doubles, "rnn", {.input = 2, .hidden = 3})});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "driver FOLDER\n");
    return 2;
  }
  const std::string folder = argv[1];
  write_layers<us::RNN<>>(folder, "rnn_tanh", us::RNNOptions{});
  write_layers<us::RNN<>>(folder, "rnn_relu", us::RNNOptions{.nonlinearity = us::Nonlinearity::relu});
  write_layers<us::LSTM<>>(folder, "lstm", us::LSTMOptions{});
  write_layers<us::LSTM<>>(folder, "lstm_peephole", us::LSTMOptions{.peephole = true});
  write_layers<us::LSTM<>>(folder, "lstm_residual", us::LSTMOptions{.residual = true});
  write_layers<us::GRU<>>(folder, "gru", us::GRUOptions{});
  write_layers<us::GRU<>>(folder, "gru_reset_before", us::GRUOptions{.reset = us::Reset::before});
  write_mixed(folder);
  write_plain(folder);
}
