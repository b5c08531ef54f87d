// Recurrent modules as nodes of an ONNX graph. Layouts of weights and the order of gates are in ONNX's operator
// documentation (RNN-14, LSTM-14, GRU-14).
#include "sequence/onnx_export.hpp"

namespace unspool::detail {
namespace {

// Which block of ours block j of ONNX's is.
struct GateOrder {
  const char* op;
  std::span<const std::int64_t> blocks;
};
constexpr std::int64_t rnn_blocks[] = {0}, lstm_blocks[] = {0, 3, 1, 2}, gru_blocks[] = {1, 0, 2};

/// Appends a parameter's row blocks, each of `rows` rows, in the given order.
template <RealScalar T>
void append_blocks(std::vector<T>& to, const Parameter<T>& p, std::span<const std::int64_t> order) {
  const std::span<const T> values = p.values();
  const std::size_t size = values.size() / order.size();
  for (const std::int64_t k : order) {
    const auto block = values.subspan(static_cast<std::size_t>(k) * size, size);
    to.insert(to.end(), block.begin(), block.end());
  }
}

/// The weights of one layer, all directions.
template <RealScalar T>
struct PackedWeights {
  std::vector<T> W, R, B, P;
};

template <RealScalar T, class CellType>
PackedWeights<T> pack(std::span<const CellType> directions, const GateOrder& gates) {
  PackedWeights<T> packed;
  for (const CellType& cell : directions) {
    append_blocks(packed.W, *cell.weights().weight_ih, gates.blocks);
    append_blocks(packed.R, *cell.weights().weight_hh, gates.blocks);
    append_blocks(packed.B, *cell.weights().bias_ih, gates.blocks);
    append_blocks(packed.B, *cell.weights().bias_hh, gates.blocks);
    if constexpr (requires { cell.weight_peephole(); })
      if (cell.weight_peephole() != nullptr) append_blocks(packed.P, *cell.weight_peephole(), rnn_blocks);
  }
  return packed;
}

// What is peculiar to one kind of cell: what cannot be written, the order of its gates, its attributes.

template <RealScalar T>
GateOrder gates_of(const std::string& name, const RNNCell<T>& cell) {
  if (cell.leaks()) reject_onnx(name, "has leaky units");
  return {"RNN", rnn_blocks};
}
template <RealScalar T>
void set_attributes(OnnxNode& node, const RNNCell<T>& cell, std::int64_t directions) {
  node.set("activations", cell.nonlinearity() == Nonlinearity::relu ? "Relu" : "Tanh", directions);
}

template <RealScalar T>
GateOrder gates_of(const std::string& name, const LSTMCell<T>& cell) {
  if (cell.weight_hr() != nullptr) reject_onnx(name, "has a projection");
  if (cell.normalizes()) reject_onnx(name, "has layer normalisation");
  return {"LSTM", lstm_blocks};
}
template <RealScalar T>
void set_attributes(OnnxNode&, const LSTMCell<T>&, std::int64_t) {}

template <RealScalar T>
GateOrder gates_of(const std::string&, const GRUCell<T>&) {
  return {"GRU", gru_blocks};
}
template <RealScalar T>
void set_attributes(OnnxNode& node, const GRUCell<T>& cell, std::int64_t) {
  node.set("linear_before_reset", std::int64_t{cell.reset() == Reset::after});
}

/// One part of the state on its way through a module: a graph input that the layers take slices of, and what they make of
/// it, gathered into a graph output. A row without steps keeps its initial state there; what ONNX's operators give for it
/// is left to the runtime.
class StatePart {
 public:
  StatePart(OnnxExport& model, const std::string& module, const char* input, const char* output, std::int64_t layers,
            std::int64_t directions, std::int64_t hidden)
      : model_(model), extents_{layers * directions, hidden} {
    const std::string prefix = model.several ? module : "";
    initial_ = model.graph.unique(prefixed(prefix, input));
    last_ = model.graph.unique(prefixed(prefix, output));
    model.graph.add_input(initial_, model.type(), {extents_[0], "batch", hidden});
    for (std::int64_t k = 0; k < layers; ++k) {
      before_.push_back(layers == 1 ? initial_ : model.graph.unique(fmt::format("{}_l{}", initial_, k)));
      after_.push_back(model.graph.unique(fmt::format("{}_l{}", last_, k)));
    }
    if (layers > 1) model.graph.add(OnnxNode("Split", std::span(&initial_, 1), before_).set("axis", 0));
  }
  const std::string& before(std::size_t layer) const { return before_[layer]; }
  const std::string& after(std::size_t layer) const { return after_[layer]; }
  void finish() {
    std::string all = after_[0];
    if (after_.size() > 1) {
      all = model_.graph.unique(last_ + "_all");
      model_.graph.add(OnnxNode("Concat", after_, std::span(&all, 1)).set("axis", 0));
    }
    model_.graph.add(OnnxNode("Where", {model_.empty_rows, initial_, all}, {last_}));
    model_.graph.add_output(last_, model_.type(), {extents_[0], "batch", extents_[1]});
  }

 private:
  OnnxExport& model_;
  std::int64_t extents_[2];
  std::string initial_, last_;
  std::vector<std::string> before_, after_;
};

/// One layer: its node, and from ONNX's [T,D,B,H] to [T,B,D*H].
template <RealScalar T, class CellType>
void add_layer(OnnxExport& model, const std::string& module, std::size_t layer, std::span<const CellType> cells,
               std::span<StatePart> state, bool residual) {
  const CellType& cell = cells.front();
  const GateOrder gates = gates_of(module, cell);
  const auto D = static_cast<std::int64_t>(cells.size()), H = cell.hidden(), G = std::ssize(gates.blocks) * H;
  const PackedWeights<T> packed = pack<T>(cells, gates);
  const auto named = [&](const char* what) { return prefixed(module, fmt::format("{}_l{}", what, layer).c_str()); };

  std::vector<std::string> inputs{model.value, add_weight(model, named("W"), {D, G, cell.input()}, packed.W),
                                  add_weight(model, named("R"), {D, G, H}, packed.R),
                                  add_weight(model, named("B"), {D, 2 * G}, packed.B), "sequence_lens"};
  std::vector<std::string> outputs{model.graph.unique(named("Y"))};
  for (const StatePart& part : state) {
    inputs.push_back(part.before(layer));
    outputs.push_back(part.after(layer));
  }
  if (!packed.P.empty()) inputs.push_back(add_weight(model, named("P"), {D, 3 * H}, packed.P));
  OnnxNode node(gates.op, inputs, outputs);
  node.set("hidden_size", H);
  if (D == 2) node.set("direction", "bidirectional");
  set_attributes(node, cell, D);
  model.graph.add(node);

  const std::string shape = model.graph.unique(named("shape")), moved = model.graph.unique(named("by_row"));
  std::string y = model.graph.unique(named("y"));
  const std::int64_t extents[] = {0, 0, D * H}, rank = 3;  // 0: as it is
  model.graph.add_weight(shape, OnnxType::int64, std::span(&rank, 1), std::as_bytes(std::span(extents)));
  model.graph.add(OnnxNode("Transpose", {outputs[0]}, {moved}).set("perm", {0, 2, 1, 3}));
  model.graph.add(OnnxNode("Reshape", {moved, shape}, {y}));
  if (residual) {
    const std::string sum = model.graph.unique(named("residual"));
    model.graph.add(OnnxNode("Add", {y, model.value}, {sum}));
    y = sum;
  }
  model.value = y;
  model.width = D * H;
}

/// The lengths, and which of them are 0.
void add_lengths(OnnxExport& model) {
  OnnxGraph& graph = model.graph;
  graph.add_input(graph.unique("sequence_lens"), OnnxType::int32, {"batch"});
  const std::int32_t zero = 0;
  const std::int64_t axis = 1, one = 1;
  const std::string zero_name = graph.unique("zero"), axis_name = graph.unique("axis"),
                    flags = graph.unique("is_empty");
  graph.add_weight(zero_name, OnnxType::int32, {}, std::as_bytes(std::span(&zero, 1)));
  graph.add_weight(axis_name, OnnxType::int64, std::span(&one, 1), std::as_bytes(std::span(&axis, 1)));
  model.empty_rows = graph.unique("empty_rows");
  graph.add(OnnxNode("Equal", {"sequence_lens", zero_name}, {flags}));
  graph.add(OnnxNode("Unsqueeze", {flags, axis_name}, {model.empty_rows}));
}

template <RealScalar T, class CellType>
void add_recurrent(OnnxExport& model, const Recurrent<T, CellType>& module) {
  const StackOptions& options = module.options();
  if (options.zoneout > 0 || options.zoneout_cell > 0) reject_onnx(module.name(), "has zoneout, which takes its mean");
  const CellType& first = module.cells().front();
  (void)gates_of(module.name(), first);  // rejects what it must before anything is added
  enter<T>(model, module.name(), module.input());
  if (model.empty_rows.empty()) add_lengths(model);

  const std::int64_t directions = options.bidirectional ? 2 : 1;
  std::vector<StatePart> state;
  const auto add_part = [&](const char* input, const char* output) {
    state.emplace_back(model, module.name(), input, output, options.layers, directions, first.hidden());
  };
  add_part("initial_h", "h_n");
  if constexpr (std::is_same_v<CellType, LSTMCell<T>>) add_part("initial_c", "c_n");
  const std::span<const CellType> cells = module.cells();
  for (std::size_t k = 0; k < static_cast<std::size_t>(options.layers); ++k) {
    const auto count = static_cast<std::size_t>(directions);
    add_layer<T>(model, module.name(), k, cells.subspan(k * count, count), std::span(state), options.residual && k > 0);
  }
  for (StatePart& part : state) part.finish();
}

}  // namespace

template <RealScalar T>
void add_onnx(OnnxExport& model, const Recurrent<T, RNNCell<T>>& module) {
  add_recurrent(model, module);
}
template <RealScalar T>
void add_onnx(OnnxExport& model, const Recurrent<T, LSTMCell<T>>& module) {
  add_recurrent(model, module);
}
template <RealScalar T>
void add_onnx(OnnxExport& model, const Recurrent<T, GRUCell<T>>& module) {
  add_recurrent(model, module);
}

template void add_onnx(OnnxExport&, const Recurrent<float, RNNCell<float>>&);
template void add_onnx(OnnxExport&, const Recurrent<double, RNNCell<double>>&);
template void add_onnx(OnnxExport&, const Recurrent<float, LSTMCell<float>>&);
template void add_onnx(OnnxExport&, const Recurrent<double, LSTMCell<double>>&);
template void add_onnx(OnnxExport&, const Recurrent<float, GRUCell<float>>&);
template void add_onnx(OnnxExport&, const Recurrent<double, GRUCell<double>>&);

}  // namespace unspool::detail
