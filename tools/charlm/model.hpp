// The language model: embedding, LSTM over time, linear read-out. Parameter names are PyTorch's.
#pragma once

#include <string>
#include <vector>

#include "corpus.hpp"
#include "options.hpp"
#include "unspool/unspool.hpp"

namespace charlm {

namespace us = unspool;

/// Hidden and cell state between windows, as plain numbers: no gradient crosses a window's edge.
struct Carried {
  us::Tensor<float> h;
  us::Tensor<float> c;
};

class Model {
 public:
  Model(const Options& options, std::int64_t vocabulary);

  us::ParameterSet<>& parameters() { return parameters_; }
  Carried zero_state(std::int64_t batch) const;
  /// Mean cross-entropy, in nats per character, of predicting the window's targets from its inputs. `state` is read as
  /// the first step's and replaced by the last one's.
  us::Var<> loss(us::Tape<>& tape, const us::Window& window, Carried& state);
  /// Characters drawn one after another from softmax(logits / temperature), after a line break.
  std::string sample(const Corpus& corpus, std::int64_t length, double temperature, us::Seed seed);

 private:
  std::int64_t layers_;
  std::int64_t hidden_;
  us::ParameterSet<> parameters_;
  us::Embedding<> embedding_;
  us::LSTM<> lstm_;
  us::Linear<> head_;
};

}  // namespace charlm
