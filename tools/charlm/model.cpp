#include "model.hpp"

#include <algorithm>

namespace charlm {

Model::Model(const Options& options, std::int64_t vocabulary)
    : layers_(options.layers),
      hidden_(options.hidden),
      parameters_(us::Seed{options.seed}),
      embedding_(parameters_, "embedding", {.count = vocabulary, .width = options.embedding}),
      lstm_(parameters_, "lstm",
            {.input = options.embedding,
             .hidden = options.hidden,
             .layers = static_cast<int>(options.layers),
             .forget_bias = 1}),
      head_(parameters_, "head", {.input = options.hidden, .output = vocabulary}) {}

Carried Model::zero_state(std::int64_t batch) const {
  const us::Shape shape{layers_, batch, hidden_};
  return {us::Tensor<float>(shape), us::Tensor<float>(shape)};
}

us::Var<> Model::loss(us::Tape<>& tape, const us::Window& window, Carried& state) {
  const us::Var x = embedding_(tape, window.inputs, window.shape());
  const auto [ys, last] = lstm_(x, {tape.input(state.h), tape.input(state.c)});
  state = {last.h.tensor(), last.c.tensor()};
  return cross_entropy(head_(ys), window.targets);
}

std::string Model::sample(const Corpus& corpus, std::int64_t length, double temperature, us::Seed seed) {
  us::Stream<float> stream([&](us::StreamStep<float>& s) { s.output(head_(s.run(lstm_, s.ids(embedding_, {1})))); });
  const auto step = [](us::Stream<float>& s, std::int64_t id) {
    s.ids()[0] = id;
    s.step();
    return s.output();
  };
  const auto newline = std::find(corpus.bytes_of_id.begin(), corpus.bytes_of_id.end(), '\n');
  const std::int64_t start = newline == corpus.bytes_of_id.end() ? 0 : newline - corpus.bytes_of_id.begin();
  us::Sampler sampler({.temperature = temperature}, seed);
  std::string text;
  for (const std::int64_t id : us::generate(stream, step, sampler, {start, us::Stop::after(length), length}).symbols)
    text += static_cast<char>(corpus.bytes_of_id[static_cast<std::size_t>(id)]);
  return text;
}

}  // namespace charlm
