// Recurrent layers: values, gradients and Hessian-vector products.
#include "run.hpp"
#include "unspool/derivatives.hpp"
#include "unspool/layers.hpp"

namespace {

// The case's input as it came: with lengths, packed, or every row as long as the tensor.
us::Sequence<double> sequence_of(const Case& c, const Var& x) {
  if (c.ids.contains("batch_sizes"))
    return us::Sequence<double>::from_packed(x, c.ids.at("batch_sizes"), c.ids.at("sorted_indices"));
  return c.ids.contains("lengths") ? us::Sequence(x, c.ids.at("lengths")) : us::Sequence(x);
}

template <class Options>
Options sized(const Case& c, Options options) {
  options.input = c.integer("input");
  options.hidden = c.integer("hidden");
  options.layers = static_cast<int>(c.integer("layers"));
  options.bidirectional = c.flag("bidirectional");
  options.fused = c.integer("fused", 1) != 0;
  return options;
}

template <class Layer, class Options>
void run_layer(const Case& c, const Options& options) {
  Run r(c);
  const Layer layer(r.params, "rnn", sized(c, options));
  r.load();
  const us::Sequence<double> xs = sequence_of(c, r.leaf("x"));
  const auto outputs = [&](const us::Sequence<double>& ys) {
    return c.ids.contains("batch_sizes") ? ys.packed() : ys.padded();
  };
  if constexpr (requires(const typename Layer::State& s) { s.c; }) {
    typename Layer::State initial;
    if (c.has("h0")) initial.h = r.leaf("h0"), initial.c = r.leaf("c0");
    const auto [ys, state] = c.has("h0") ? layer(xs, initial) : layer(xs);
    r.result("y", outputs(ys)), r.result("h", state.h), r.result("c", state.c);
  } else {
    const auto [ys, state] = c.has("h0") ? layer(xs, r.leaf("h0")) : layer(xs);
    r.result("y", outputs(ys)), r.result("h", state);
  }
  r.finish();
}

// The Hessian of the weighed outputs, by x and all parameters at once, times a direction.
template <template <class> class Layer, class Options>
void run_layer_hessian(const Case& c, const Options& plain) {
  const Options options = sized(c, plain);
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

}  // namespace

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

void run_hessian(const Case& c) {
  const std::string& cell = c.word("cell");
  if (cell == "lstm") return run_layer_hessian<us::LSTM>(c, us::LSTMOptions{});
  if (cell == "gru") return run_layer_hessian<us::GRU>(c, us::GRUOptions{});
  run_layer_hessian<us::RNN>(c, us::RNNOptions{});
}
