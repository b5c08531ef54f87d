// One workload with libtorch on one thread: `best` uses its modules over whole sequences, `loop` steps through time
// with elementary ops.
#include <torch/torch.h>

#include <cstdlib>

#include "measure.hpp"
#include "workload.hpp"

namespace {

namespace nn = torch::nn;
using benchmark::Cell;
using benchmark::Chain;
using benchmark::Outcome;
using benchmark::Recurrence;
using benchmark::RecurrenceData;
using torch::Tensor;

/// A parameter with a copy of the given values.
Tensor parameter(const std::vector<float>& values, torch::IntArrayRef shape) {
  return torch::tensor(values).reshape(shape).clone().set_requires_grad(true);
}

void set(Tensor& parameter, const std::vector<float>& values) {
  const torch::NoGradGuard no_grad;
  parameter.copy_(torch::tensor(values).reshape(parameter.sizes()));
}

/// Times forward and backward of the loss that `forward()` returns.
template <class Workload, class Forward>
void train(const char* program, const Workload& w, double seconds, std::vector<Tensor> params, Forward forward) {
  Tensor loss;
  benchmark::measure(
      w, program, seconds,
      [&] {
        for (Tensor& p : params) p.mutable_grad() = Tensor();  // the fastest way: backward then need not add
        loss = forward();
        loss.backward();
      },
      [&] {
        double squares = 0;
        for (const Tensor& p : params) {
          const Tensor grad = p.grad().contiguous();
          squares += benchmark::squares(grad.data_ptr<float>(), static_cast<std::size_t>(grad.numel()));
        }
        return Outcome{loss.item<float>(), squares};
      });
}

struct Batch {
  explicit Batch(const Recurrence& w, const RecurrenceData& data)
      : x(torch::tensor(data.x).reshape({w.steps, w.batch, w.input})), targets(torch::tensor(data.targets)) {}
  Tensor x, targets;
};

/// A module over all steps at once and a Linear. Its parameters come layer by layer: weight_ih, weight_hh, bias_ih,
/// bias_hh.
template <class Module, class Options>
void best(const Recurrence& w, double seconds) {
  const RecurrenceData data(w);
  const Batch batch(w, data);
  Module rnn(Options(w.input, w.hidden).num_layers(w.layers));
  nn::Linear out(w.hidden, w.outputs);
  std::vector<Tensor> params = rnn->parameters();
  for (std::size_t l = 0; l < data.layers.size(); ++l) {
    set(params[4 * l], data.layers[l].weight_ih);
    set(params[4 * l + 1], data.layers[l].weight_hh);
    set(params[4 * l + 2], data.layers[l].bias_ih);
    set(params[4 * l + 3], data.layers[l].bias_hh);
  }
  set(out->weight, data.weight_out);
  set(out->bias, data.bias_out);
  params.push_back(out->weight);
  params.push_back(out->bias);
  train("torch", w, seconds, params, [&] {
    const Tensor hs = std::get<0>(rnn->forward(batch.x));
    return nn::functional::cross_entropy(out->forward(hs).view({-1, w.outputs}), batch.targets);
  });
}

/// An LSTM as its equations are written in a textbook, one step at a time.
void loop(const Recurrence& w, double seconds) {
  const RecurrenceData data(w);
  const Batch batch(w, data);
  const Tensor w_ih = parameter(data.layers[0].weight_ih, {4 * w.hidden, w.input});
  const Tensor w_hh = parameter(data.layers[0].weight_hh, {4 * w.hidden, w.hidden});
  const Tensor b_ih = parameter(data.layers[0].bias_ih, {4 * w.hidden});
  const Tensor b_hh = parameter(data.layers[0].bias_hh, {4 * w.hidden});
  const Tensor w_out = parameter(data.weight_out, {w.outputs, w.hidden});
  const Tensor b_out = parameter(data.bias_out, {w.outputs});
  train("torch-loop", w, seconds, {w_ih, w_hh, b_ih, b_hh, w_out, b_out}, [&] {
    std::vector<Tensor> hs;
    Tensor h = torch::zeros({w.batch, w.hidden}), c = torch::zeros({w.batch, w.hidden});
    for (std::int64_t t = 0; t < w.steps; ++t) {
      const Tensor gates = torch::linear(batch.x.select(0, t), w_ih, b_ih) + torch::linear(h, w_hh, b_hh);
      const std::vector<Tensor> part = gates.chunk(4, 1);
      const Tensor i = part[0].sigmoid(), f = part[1].sigmoid(), g = part[2].tanh(), o = part[3].sigmoid();
      c = f * c + i * g;
      h = o * c.tanh();
      hs.push_back(h);
    }
    return nn::functional::cross_entropy(torch::linear(torch::cat(hs), w_out, b_out), batch.targets);
  });
}

void chain(const Chain& w, double seconds) {
  const Tensor x = parameter(benchmark::chain_start(w), {w.width});
  train("torch", w, seconds, {x}, [&] {
    Tensor y = x;
    for (std::int64_t k = 0; k < w.ops; ++k) {
      const int round = static_cast<int>(k / 3 % 2);
      y = k % 3 == 0 ? y.tanh() : k % 3 == 1 ? y + Chain::shift[round] : y * Chain::factor[round];
    }
    return y.sum();
  });
}

int run(const char* program, std::string_view name, std::string_view form, double seconds) {
  const Recurrence* recurrence = benchmark::find(benchmark::recurrences, name);
  const Chain* elementwise = benchmark::find(benchmark::chains, name);
  if (form == "best" && recurrence != nullptr) {
    switch (recurrence->cell) {
      case Cell::rnn:
        best<nn::RNN, nn::RNNOptions>(*recurrence, seconds);
        break;
      case Cell::lstm:
        best<nn::LSTM, nn::LSTMOptions>(*recurrence, seconds);
        break;
      case Cell::gru:
        best<nn::GRU, nn::GRUOptions>(*recurrence, seconds);
        break;
    }
  } else if (form == "loop" && recurrence != nullptr && recurrence->cell == Cell::lstm && recurrence->layers == 1) {
    loop(*recurrence, seconds);
  } else if (form == "best" && elementwise != nullptr) {
    chain(*elementwise, seconds);
  } else {
    benchmark::usage(program, "best|loop");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) benchmark::usage(argv[0], "best|loop");
  torch::set_num_threads(1);
  torch::set_num_interop_threads(1);
  torch::manual_seed(0);
  return run(argv[0], argv[1], argv[2], argc > 3 ? std::atof(argv[3]) : 1.0);
}
