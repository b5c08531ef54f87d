#include "model.hpp"

#include <cmath>

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

us::Var<> Model::logits(us::Tape<>& tape, us::Ids inputs, std::int64_t window, std::int64_t batch, Carried& state) {
  const us::Var x = embedding_(tape, inputs, us::Shape{window, batch});
  const auto [ys, last] = lstm_(x, {tape.input(state.h), tape.input(state.c)});
  state = {last.h.tensor(), last.c.tensor()};
  return head_(ys);
}

us::Var<> Model::loss(us::Tape<>& tape, us::Ids inputs, us::Ids targets, std::int64_t window, std::int64_t batch,
                      Carried& state) {
  return cross_entropy(logits(tape, inputs, window, batch, state), targets);
}

std::string Model::sample(const Corpus& corpus, std::int64_t length, double temperature, us::Seed seed) {
  std::string text;
  us::Random random(seed);
  us::Tape tape;
  Carried state = zero_state(1);
  std::uint8_t id = 0;
  for (std::size_t i = 0; i < corpus.bytes_of_id.size(); ++i)
    if (corpus.bytes_of_id[i] == '\n') id = static_cast<std::uint8_t>(i);
  for (std::int64_t i = 0; i < length; ++i) {
    tape.reset();
    const us::Var p = softmax(logits(tape, {id}, 1, 1, state) / temperature, -1);
    double left = random.uniform();
    std::size_t drawn = 0;
    for (; drawn + 1 < p.values().size(); ++drawn)
      if ((left -= p.values()[drawn]) < 0) break;
    id = static_cast<std::uint8_t>(drawn);
    text += static_cast<char>(corpus.bytes_of_id[drawn]);
  }
  return text;
}

}  // namespace charlm
