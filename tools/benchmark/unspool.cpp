// One workload with unspool: `best` uses the layers over whole sequences, `loop` steps through time with elementary
// ops, as a user's own cell would, `ragged` and `padded` take rows of many lengths as they are or filled up, `parallel`
// splits the batch over two threads.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <unspool/unspool.hpp>

#include "measure.hpp"
#include "workload.hpp"

namespace {

namespace us = unspool;
using benchmark::Cell;
using benchmark::Chain;
using benchmark::LayerWeights;
using benchmark::Outcome;
using benchmark::Recurrence;
using benchmark::RecurrenceData;

void set(us::ParameterSet<>& params, const std::string& name, const std::vector<float>& values) {
  std::ranges::copy(values, params[name].mutable_values().begin());
}

void load(us::ParameterSet<>& params, const RecurrenceData& data) {
  for (std::size_t l = 0; l < data.layers.size(); ++l) {
    const LayerWeights& layer = data.layers[l];
    const std::string suffix = "_l" + std::to_string(l);
    set(params, "rnn.weight_ih" + suffix, layer.weight_ih);
    set(params, "rnn.weight_hh" + suffix, layer.weight_hh);
    set(params, "rnn.bias_ih" + suffix, layer.bias_ih);
    set(params, "rnn.bias_hh" + suffix, layer.bias_hh);
  }
  set(params, "out.weight", data.weight_out);
  set(params, "out.bias", data.bias_out);
}

double gradient_squares(const us::ParameterSet<>& params) {
  double sum = 0;
  for (const us::Parameter<>& p : params) sum += benchmark::squares(p.grad().data(), p.grad().size());
  return sum;
}

/// Times forward and backward of the loss that `forward(tape)` builds over `params`.
template <class Forward>
void train(const char* program, const Recurrence& w, double seconds, us::ParameterSet<>& params, Forward forward) {
  us::Tape<> tape;
  double loss = 0;
  benchmark::measure(
      w, program, seconds,
      [&] {
        tape.reset();
        params.zero_grad();
        const us::Var<> y = forward(tape);
        loss = y.item();
        tape.backward(y);
      },
      [&] {
        return Outcome{loss, gradient_squares(params)};
      });
}

/// RNN, LSTM or GRU and a Linear over all steps at once.
template <class Layer, class Options>
void best(const Recurrence& w, double seconds) {
  const RecurrenceData data(w);
  us::ParameterSet<> params;
  const Layer rnn(params, "rnn", Options{.input = w.input, .hidden = w.hidden, .layers = static_cast<int>(w.layers)});
  const us::Linear<> out(params, "out", {.input = w.hidden, .output = w.outputs});
  load(params, data);
  train("unspool", w, seconds, params, [&](us::Tape<>& tape) {
    const us::Var<> x = tape.input({w.steps, w.batch, w.input}, data.x);
    return us::cross_entropy(out(rnn(x).outputs), data.targets);
  });
}

/// The same on two threads, a shard of the batch each.
template <class Layer, class Options>
void parallel(const Recurrence& w, double seconds) {
  constexpr std::int64_t shards = 2;
  const RecurrenceData data(w);
  us::ParameterSet<> params;
  const Layer rnn(params, "rnn", Options{.input = w.input, .hidden = w.hidden, .layers = static_cast<int>(w.layers)});
  const us::Linear<> out(params, "out", {.input = w.hidden, .output = w.outputs});
  load(params, data);
  // Each shard's rows [T,rows,I], as a loader would hand them over.
  const us::Shards split{w.batch, shards};
  std::vector<std::vector<float>> x(shards);
  std::vector<std::vector<std::int64_t>> targets(shards);
  for (std::int64_t s = 0; s < shards; ++s)
    for (std::int64_t t = 0; t < w.steps; ++t)
      for (std::int64_t b = split[s].begin; b < split[s].end; ++b) {
        const auto at = static_cast<std::size_t>(t * w.batch + b), width = static_cast<std::size_t>(w.input);
        const auto row = data.x.begin() + static_cast<std::ptrdiff_t>(at * width);
        x[static_cast<std::size_t>(s)].insert(x[static_cast<std::size_t>(s)].end(), row, row + w.input);
        targets[static_cast<std::size_t>(s)].push_back(data.targets[at]);
      }
  us::ThreadPool pool(2);
  double loss = 0;
  benchmark::measure(
      w, "unspool-2", seconds,
      [&] {
        params.zero_grad();
        loss = us::data_parallel(pool, split, [&](us::Tape<>& tape, const us::Shard& shard) {
          const auto s = static_cast<std::size_t>(shard.index);
          const us::Var<> rows = tape.input({w.steps, shard.rows(), w.input}, x[s]);
          return us::cross_entropy(out(rnn(rows).outputs), targets[s]);
        });
      },
      [&] {
        return Outcome{loss, gradient_squares(params)};
      });
}

/// Rows of different lengths, as they are or filled up to the longest. Steps behind a row's end count for nothing.
void ragged(const Recurrence& w, double seconds, bool padded) {
  RecurrenceData data(w);
  const std::vector<std::int64_t> lengths = w.lengths();
  us::ParameterSet<> params;
  const us::LSTM<> rnn(params, "rnn", {.input = w.input, .hidden = w.hidden});
  const us::Linear<> out(params, "out", {.input = w.hidden, .output = w.outputs});
  load(params, data);
  constexpr std::int64_t ignored = -100;
  if (padded)
    for (std::int64_t t = 0; t < w.steps; ++t)
      for (std::int64_t b = 0; b < w.batch; ++b)
        if (t >= lengths[static_cast<std::size_t>(b)])
          data.targets[static_cast<std::size_t>(t * w.batch + b)] = ignored;
  train(padded ? "unspool-padded" : "unspool", w, seconds, params, [&](us::Tape<>& tape) {
    const us::Var<> x = tape.input({w.steps, w.batch, w.input}, data.x);
    if (padded) return us::cross_entropy(out(rnn(x).outputs), data.targets);
    const us::Sequence<> ys = rnn(us::Sequence<>(x, lengths)).outputs;
    return us::cross_entropy(ys.map(out), data.targets);
  });
}

/// An LSTM as its equations are written in a textbook, one step at a time.
void loop(const Recurrence& w, double seconds) {
  const RecurrenceData data(w);
  us::ParameterSet<> params;
  const us::Init zeros = us::zeros();
  us::Parameter<>& w_ih = params.add("rnn.weight_ih_l0", {4 * w.hidden, w.input}, zeros);
  us::Parameter<>& w_hh = params.add("rnn.weight_hh_l0", {4 * w.hidden, w.hidden}, zeros);
  us::Parameter<>& b_ih = params.add("rnn.bias_ih_l0", {4 * w.hidden}, zeros);
  us::Parameter<>& b_hh = params.add("rnn.bias_hh_l0", {4 * w.hidden}, zeros);
  us::Parameter<>& w_out = params.add("out.weight", {w.outputs, w.hidden}, zeros);
  us::Parameter<>& b_out = params.add("out.bias", {w.outputs}, zeros);
  load(params, data);
  std::vector<us::Var<>> hs(static_cast<std::size_t>(w.steps));
  train("unspool-loop", w, seconds, params, [&](us::Tape<>& tape) {
    const us::Var<> xs = tape.input({w.steps, w.batch, w.input}, data.x);
    us::Var<> h = tape.zeros({w.batch, w.hidden});
    us::Var<> c = tape.zeros({w.batch, w.hidden});
    for (std::int64_t t = 0; t < w.steps; ++t) {
      const us::Var<> gates = us::linear(us::select(xs, 0, t), w_ih, b_ih) + us::linear(h, w_hh, b_hh);
      const std::vector<us::Var<>> part = us::chunk(gates, 4, 1);
      const us::Var<> i = us::sigmoid(part[0]), f = us::sigmoid(part[1]), g = us::tanh(part[2]),
                      o = us::sigmoid(part[3]);
      c = f * c + i * g;
      h = o * us::tanh(c);
      hs[static_cast<std::size_t>(t)] = h;
    }
    return us::cross_entropy(us::linear(us::concat(hs), w_out, b_out), data.targets);
  });
}

void chain(const Chain& w, double seconds) {
  const std::vector<float> start = benchmark::chain_start(w);
  us::Tape<> tape;
  us::Var<> x;
  double loss = 0;
  benchmark::measure(
      w, "unspool", seconds,
      [&] {
        tape.reset();
        x = tape.variable({w.width}, start);
        us::Var<> y = x;
        for (std::int64_t k = 0; k < w.ops; ++k) {
          const int round = static_cast<int>(k / 3 % 2);
          y = k % 3 == 0 ? us::tanh(y) : k % 3 == 1 ? y + Chain::shift[round] : y * Chain::factor[round];
        }
        const us::Var<> sum = us::sum(y);
        loss = sum.item();
        tape.backward(sum);
      },
      [&] {
        return Outcome{loss, benchmark::squares(x.grad().data(), x.grad().size())};
      });
}

template <class Layer, class Options>
bool run_layer(const Recurrence& w, std::string_view form, double seconds) {
  if (form == "best")
    best<Layer, Options>(w, seconds);
  else if (form == "parallel")
    parallel<Layer, Options>(w, seconds);
  else
    return false;
  return true;
}

bool run(const Recurrence& w, std::string_view form, double seconds) {
  if (form == "loop" && w.cell == Cell::lstm && w.layers == 1) return loop(w, seconds), true;
  if ((form == "best" || form == "padded") && w.shortest < w.steps) return ragged(w, seconds, form == "padded"), true;
  switch (w.cell) {
    case Cell::rnn:
      return run_layer<us::RNN<>, us::RNNOptions>(w, form, seconds);
    case Cell::lstm:
      return run_layer<us::LSTM<>, us::LSTMOptions>(w, form, seconds);
    case Cell::gru:
      return run_layer<us::GRU<>, us::GRUOptions>(w, form, seconds);
  }
  return false;
}

bool run(std::string_view name, std::string_view form, double seconds) {
  if (const Recurrence* recurrence = benchmark::find(benchmark::recurrences, name))
    return run(*recurrence, form, seconds);
  const Chain* elementwise = benchmark::find(benchmark::chains, name);
  if (elementwise == nullptr || form != "best") return false;
  chain(*elementwise, seconds);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* forms = "best|loop|parallel|padded";
  if (argc < 3) benchmark::usage(argv[0], forms);
  try {
    if (!run(argv[1], argv[2], argc > 3 ? std::atof(argv[3]) : 1.0)) benchmark::usage(argv[0], forms);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
