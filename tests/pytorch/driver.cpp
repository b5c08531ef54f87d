// Runs the cases that compare.py and weights.py send and answers with this library's numbers, all in double.
#include <cstring>
#include <iostream>
#include <memory>

#include "exchange.hpp"
#include "unspool/clip.hpp"
#include "unspool/derivatives.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"
#include "unspool/optim.hpp"
#include "unspool/safetensors.hpp"
#include "unspool/schedule.hpp"

namespace us = unspool;

namespace {

using Var = us::Var<double>;

void set_parameter(us::Parameter<double>& p, const us::Tensor<double>& values) {
  if (p.shape() != values.shape())
    throw std::runtime_error(p.name() + " is " + p.shape().to_string() + " here and " + values.shape().to_string() +
                             " there");
  std::copy(values.values().begin(), values.values().end(), p.mutable_values().begin());
}

// Gradients of a scalar that weighs every element differently, so that no transposition cancels out.
Var weighted(us::Tape<double>& tape, const Case& c, const std::string& name, const Var& y) {
  return sum(y * tape.input(c.tensor("weight_of_" + name)));
}

// The case's input as it came: with lengths, packed, or every row as long as the tensor.
us::Sequence<double> sequence_of(const Case& c, const Var& x) {
  if (c.ids.contains("batch_sizes"))
    return us::Sequence<double>::from_packed(x, c.ids.at("batch_sizes"), c.ids.at("sorted_indices"));
  return c.ids.contains("lengths") ? us::Sequence(x, c.ids.at("lengths")) : us::Sequence(x);
}

template <class Layer, class Options>
void run_layer(const Case& c, Options options) {
  us::ParameterSet<double> params;
  options.input = c.integer("input");
  options.hidden = c.integer("hidden");
  options.layers = static_cast<int>(c.integer("layers"));
  options.bidirectional = c.flag("bidirectional");
  options.fused = c.flag("fused");
  const Layer layer(params, "rnn", options);
  for (us::Parameter<double>& p : params) set_parameter(p, c.tensor(p.name()));
  us::Tape<double> tape;
  const Var x = tape.variable(c.tensor("x"));
  const us::Sequence<double> xs = sequence_of(c, x);
  std::vector<std::pair<std::string, Var>> leaves{{"x", x}}, results;
  const auto leaf = [&](const char* name) {
    leaves.emplace_back(name, tape.variable(c.tensor(name)));
    return leaves.back().second;
  };
  const auto outputs = [&](const us::Sequence<double>& ys) {
    return c.ids.contains("batch_sizes") ? ys.packed() : ys.padded();
  };
  if constexpr (requires(const typename Layer::State& s) { s.c; }) {
    const auto [ys, state] = c.has("h0") ? layer(xs, {leaf("h0"), leaf("c0")}) : layer(xs);
    results = {{"y", outputs(ys)}, {"h", state.h}, {"c", state.c}};
  } else {
    const auto [ys, state] = c.has("h0") ? layer(xs, leaf("h0")) : layer(xs);
    results = {{"y", outputs(ys)}, {"h", state}};
  }
  Var loss = tape.scalar(0);
  for (const auto& [name, value] : results) {
    loss += weighted(tape, c, name, value);
    write_tensor(name, value.values());
  }
  tape.backward(loss);
  for (const auto& [name, value] : leaves) write_tensor("grad_of_" + name, value.grad());
  for (us::Parameter<double>& p : params) write_tensor("grad_of_" + p.name(), p.grad());
}

void run_recurrent(const Case& c) {
  const std::string& cell = c.word("cell");
  if (cell == "lstm")
    return run_layer<us::LSTM<double>>(c, us::LSTMOptions{.projection = c.integer("projection"),
                                                          .peephole = c.flag("peephole"),
                                                          .layer_norm = c.flag("layer_norm")});
  if (cell == "gru")
    return run_layer<us::GRU<double>>(
        c, us::GRUOptions{.reset = c.flag("reset_before") ? us::Reset::before : us::Reset::after});
  us::RNNOptions options{.leak = c.number("leak", 1), .learn_leak = c.flag("learn_leak")};
  options.nonlinearity = cell == "relu" ? us::Nonlinearity::relu : us::Nonlinearity::tanh;
  run_layer<us::RNN<double>>(c, options);
}

// The Hessian of the weighed outputs, by x and all parameters at once, times a direction.
template <template <class> class Layer, class Options>
void run_layer_hessian(const Case& c, Options options) {
  options.input = c.integer("input");
  options.hidden = c.integer("hidden");
  options.layers = static_cast<int>(c.integer("layers"));
  options.bidirectional = c.flag("bidirectional");
  options.fused = c.flag("fused");
  us::ParameterSet<double> params;
  params.add("x", c.tensor("x").shape(), us::zeros());
  Layer<double>(params, "rnn", options);
  us::TensorList<double> direction;
  for (us::Parameter<double>& p : params) {
    set_parameter(p, c.tensor(p.name()));
    direction.push_back(c.tensor("direction_of_" + p.name()));
  }
  const auto loss = [&]<class T>(us::Tape<T>& tape, us::ParameterSet<T>& p) {
    const us::Sequence<T> xs(tape.parameter(p["x"]), c.ids.at("lengths"));
    return sum(Layer<T>(p, "rnn", options)(xs).outputs.padded() * tape.input(c.tensor("weight_of_y")));
  };
  const auto [value, gradient, product] = us::hvp(loss, params, direction);
  write_tensor("y", std::vector{value});
  for (std::size_t i = 0; i < params.size(); ++i) {
    write_tensor("grad_of_" + params.at(i).name(), gradient[i].values());
    write_tensor("product_of_" + params.at(i).name(), product[i].values());
  }
}

void run_hessian(const Case& c) {
  const std::string& cell = c.word("cell");
  if (cell == "lstm") return run_layer_hessian<us::LSTM>(c, us::LSTMOptions{});
  if (cell == "gru") return run_layer_hessian<us::GRU>(c, us::GRUOptions{});
  run_layer_hessian<us::RNN>(c, us::RNNOptions{});
}

us::Reduction reduction_of(const Case& c) {
  const std::string& name = c.word("reduction");
  return name == "mean" ? us::Reduction::mean : name == "sum" ? us::Reduction::sum : us::Reduction::none;
}

void run_cross_entropy(const Case& c) {
  us::CrossEntropyOptions options;
  options.reduction = reduction_of(c);
  options.label_smoothing = c.number("label_smoothing");
  options.ignore_index = c.integer("ignore_index", options.ignore_index);
  us::Tape<double> tape;
  const Var x = tape.variable(c.tensor("x"));
  const us::Ids targets = c.ids.at("targets");
  const Var y = c.has("class_weight") ? cross_entropy(x, targets, tape.input(c.tensor("class_weight")), options)
                                      : cross_entropy(x, targets, options);
  write_tensor("y", y.values());
  tape.backward(weighted(tape, c, "y", y));
  write_tensor("grad_of_x", x.grad());
}

void run_ctc_loss(const Case& c) {
  us::Tape<double> tape;
  const Var x = tape.variable(c.tensor("x"));
  const us::CtcOptions options{reduction_of(c), c.integer("blank"), c.flag("zero_infinity")};
  const Var y = ctc_loss(x, c.ids.at("targets"), c.ids.at("inputs"), c.ids.at("outputs"), options);
  write_tensor("y", y.values());
  tape.backward(weighted(tape, c, "y", y));
  write_tensor("grad_of_x", x.grad());
}

void run_binary_cross_entropy(const Case& c) {
  us::Tape<double> tape;
  const Var x = tape.variable(c.tensor("x"));
  const Var y = binary_cross_entropy_with_logits(x, tape.input(c.tensor("target")), c.ids.at("mask"), reduction_of(c));
  write_tensor("y", y.values());
  tape.backward(weighted(tape, c, "y", y));
  write_tensor("grad_of_x", x.grad());
}

void run_crf_loss(const Case& c) {
  us::Tape<double> tape;
  std::vector<Var> leaves;
  const std::vector<std::string> names{"x", "transitions", "start", "end"};
  for (const std::string& name : names) leaves.push_back(tape.variable(c.tensor(name)));
  const Var y =
      crf_loss(leaves[0], leaves[1], leaves[2], leaves[3], c.ids.at("tags"), c.ids.at("lengths"), us::Reduction::none);
  write_tensor("y", y.values());
  tape.backward(weighted(tape, c, "y", y));
  for (std::size_t i = 0; i < names.size(); ++i) write_tensor("grad_of_" + names[i], leaves[i].grad());
}

void run_layer_norm(const Case& c) {
  us::Tape<double> tape;
  const Var x = tape.variable(c.tensor("x")), w = tape.variable(c.tensor("weight")),
            b = tape.variable(c.tensor("bias"));
  const Var y = layer_norm(x, w, b, c.number("eps"));
  write_tensor("y", y.values());
  tape.backward(weighted(tape, c, "y", y));
  write_tensor("grad_of_x", x.grad());
  write_tensor("grad_of_weight", w.grad());
  write_tensor("grad_of_bias", b.grad());
}

void run_embedding(const Case& c) {
  us::ParameterSet<double> params;
  const us::Shape& shape = c.tensor("table").shape();
  const us::Embedding layer(params, "embedding", {.count = shape[0], .width = shape[1]});
  set_parameter(params.at(0), c.tensor("table"));
  us::Tape<double> tape;
  const Var y = layer(tape, c.ids.at("ids"));
  write_tensor("y", y.values());
  tape.backward(weighted(tape, c, "y", y));
  write_tensor("grad_of_table", params.at(0).grad());
}

std::unique_ptr<us::Optimizer<double>> make_optimizer(const Case& c, const us::ParameterSet<double>& params) {
  const std::string& name = c.word("optimizer");
  const auto number = [&](const char* key, double& option) { option = c.number(key, option); };
  const auto build = [&]<class O, class Options>(Options o) -> std::unique_ptr<us::Optimizer<double>> {
    number("lr", o.lr);
    number("weight_decay", o.weight_decay);
    if constexpr (requires { o.eps; }) number("eps", o.eps);
    if constexpr (requires { o.beta1; }) number("beta1", o.beta1), number("beta2", o.beta2);
    if constexpr (requires { o.momentum; }) number("momentum", o.momentum);
    if constexpr (requires { o.dampening; }) number("dampening", o.dampening), o.nesterov = c.flag("nesterov");
    if constexpr (requires { o.centered; }) number("alpha", o.alpha), o.centered = c.flag("centered");
    if constexpr (requires { o.lr_decay; })
      number("lr_decay", o.lr_decay), number("initial_accumulator_value", o.initial_accumulator_value);
    return std::make_unique<O>(params, o);
  };
  if (name == "SGD") return build.operator()<us::SGD<double>>(us::SGDOptions{});
  if (name == "RMSprop") return build.operator()<us::RMSprop<double>>(us::RMSpropOptions{});
  if (name == "Adagrad") return build.operator()<us::Adagrad<double>>(us::AdagradOptions{});
  if (name == "Adam") return build.operator()<us::Adam<double>>(us::AdamOptions{});
  return build.operator()<us::AdamW<double>>(us::AdamWOptions{});
}

// loss = sum(tanh(x W) g) on two parameters, so that every gradient depends on the steps before it.
void run_optimizer(const Case& c) {
  us::ParameterSet<double> params;
  for (const char* name : {"w", "b"})
    set_parameter(params.add(name, c.tensor(name).shape(), us::zeros()), c.tensor(name));
  const auto optimizer = make_optimizer(c, params);
  us::Tape<double> tape;
  for (int step = 0; step < c.integer("steps"); ++step) {
    tape.reset();
    params.zero_grad();
    tape.backward(weighted(tape, c, "y", tanh(matmul(tape.input(c.tensor("x")), params["w"]) + params["b"])));
    if (c.settings.contains("max_norm"))
      write_tensor("norm" + std::to_string(step), std::vector{us::clip_grad_norm(params, c.number("max_norm"))});
    if (c.settings.contains("clip_value")) us::clip_grad_value(params, c.number("clip_value"));
    optimizer->step();
    for (us::Parameter<double>& p : params) write_tensor(p.name() + std::to_string(step), p.values());
  }
}

void run_schedule(const Case& c) {
  const std::string& name = c.word("schedule");
  const double lr = c.number("lr");
  std::vector<double> rates;
  for (std::int64_t step = 0; step < c.integer("steps"); ++step) {
    if (name == "StepLR") rates.push_back(us::StepLR{lr, c.integer("step_size"), c.number("gamma")}(step));
    if (name == "ExponentialLR") rates.push_back(us::ExponentialLR{lr, c.number("gamma")}(step));
    if (name == "CosineAnnealingLR")
      rates.push_back(us::CosineLR{.lr = lr, .steps = c.integer("T_max"), .min_lr = c.number("eta_min")}(step));
    if (name == "OneCycleLR")
      rates.push_back(us::OneCycleLR{lr, c.integer("total_steps"), c.number("pct_start"), c.number("div_factor"),
                                     c.number("final_div_factor")}(step));
  }
  write_tensor("rates", rates);
}

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

/// An embedding, a recurrent layer and a head, with weights from a file or for one.
void run_weights(const Case& c) {
  const std::string& cell = c.word("cell");
  if (cell == "lstm") return run_tagger<us::LSTM<double>>(c, us::LSTMOptions{.projection = c.integer("projection")});
  if (cell == "gru") return run_tagger<us::GRU<double>>(c, us::GRUOptions{});
  us::RNNOptions options;
  options.nonlinearity = cell == "relu" ? us::Nonlinearity::relu : us::Nonlinearity::tanh;
  run_tagger<us::RNN<double>>(c, options);
}

void run(const Case& c) {
  if (c.kind == "recurrent") return run_recurrent(c);
  if (c.kind == "hessian") return run_hessian(c);
  if (c.kind == "cross_entropy") return run_cross_entropy(c);
  if (c.kind == "ctc_loss") return run_ctc_loss(c);
  if (c.kind == "binary_cross_entropy") return run_binary_cross_entropy(c);
  if (c.kind == "crf_loss") return run_crf_loss(c);
  if (c.kind == "layer_norm") return run_layer_norm(c);
  if (c.kind == "embedding") return run_embedding(c);
  if (c.kind == "optimizer") return run_optimizer(c);
  if (c.kind == "schedule") return run_schedule(c);
  if (c.kind == "weights") return run_weights(c);
  throw std::runtime_error("unknown kind " + c.kind);
}

}  // namespace

int main() {
  Case c;
  while (read_case(std::cin, c)) {
    std::printf("case %s\n", c.name.c_str());
    try {
      run(c);
    } catch (const std::exception& e) {
      std::printf("error %s\n", e.what());
    }
    std::printf("end\n");
  }
}
