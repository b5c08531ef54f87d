// Long-term dependencies: a tanh RNN and an LSTM on one task, and why one of them learns it. The first symbol of a
// sequence is what counts, random symbols follow, and the question comes at the end.
//
//   long_term --length 60
#include "fresh.hpp"
#include "unspool/gradient_flow.hpp"

using namespace example;

namespace {

struct Problem {
  Ids symbols, classes;  // [length,rows], [rows]

  Problem(std::int64_t length, std::int64_t rows, us::Random& random) {
    constexpr std::int64_t distractors = 4;
    for (std::int64_t b = 0; b < rows; ++b) classes.push_back(random.below(2));
    for (std::int64_t b = 0; b < rows; ++b) symbols.push_back(distractors + item(classes, b));
    for (std::int64_t i = rows; i < length * rows; ++i) symbols.push_back(random.below(distractors));
  }
};

template <class Layer, class Options>
struct Model {
  us::ParameterSet<> params;
  us::Embedding<> embed;
  Layer layer;
  us::Linear<> head;

  Model(us::Seed seed, Options options)
      : params(seed),
        embed(params, "embed", {.count = 6, .width = options.input}),
        layer(params, "layer", options),
        head(params, "head", {.input = options.hidden, .output = 2}) {}

  us::Var<> inputs(us::Tape<>& tape, const Problem& p) const {
    const std::int64_t rows = count(p.classes);
    return reshape(embed(tape, p.symbols), {count(p.symbols) / rows, rows, -1});
  }
  us::Var<> logits(us::Tape<>& tape, const Problem& p) const {
    return head(select(layer(inputs(tape, p)).outputs, 0, -1));
  }
  std::string flow(const Problem& p) {
    us::Tape<> tape;
    const auto& cell = layer.cells()[0];
    return us::flow_text(us::gradient_flow<>(cell, inputs(tape, p).tensor(), cell.zero_state(tape, count(p.classes))));
  }
};

template <class Layer, class LayerOptions>
void run(const char* name, const Options& o, LayerOptions options) {
  options.input = 8;
  options.hidden = o.integer("hidden");
  const std::int64_t length = o.integer("length"), fresh = o.integer("fresh");
  Model<Layer, LayerOptions> m(o.seed(), options);
  us::Random random(o.seed());
  const Problem p(length, fresh, random);
  fmt::print("{}, untrained: {}", name, m.flow(p));
  const double seconds =
      train_on_fresh(m.params, o, o.seed(), [&](us::Tape<>& tape, std::int64_t rows, us::Random& own, std::int64_t) {
        const Problem batch(length, rows, own);
        return cross_entropy(m.logits(tape, batch), batch.classes);
      });
  us::Tape<> tape;
  const std::int64_t right = count_right(m.logits(tape, p), p.classes);
  fmt::print("{}, trained: {} of {} fresh sequences right, {:.0f} s; {}\n", name, right, fresh, seconds, m.flow(p));
}

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv, "length=60 steps=600 batch=32 hidden=24 lr=5e-3 seed=1 threads=1 fresh=1000");
  run<us::RNN<>>("tanh RNN", o, us::RNNOptions{});
  run<us::LSTM<>>("LSTM", o, us::LSTMOptions{.forget_bias = 3});
}
