// Training: truncated backpropagation through time over parallel streams of the text.
#pragma once

#include <csignal>
#include <vector>

#include "corpus.hpp"
#include "model.hpp"
#include "options.hpp"

namespace charlm {

struct Training {
  std::int64_t steps = 0;            // done
  std::vector<double> bits;          // training loss of each step, bits per character
  std::vector<double> checked_at;    // steps at which the held-out text was tried ...
  std::vector<double> checked_bits;  // ... and what it gave
  double seconds = 0;
  bool interrupted = false;
};

/// Trains until options.steps or until `stop` is set. Progress goes to standard output.
Training train(Model& model, const Corpus& corpus, const Options& options, const volatile std::sig_atomic_t& stop);

/// Bits per character of the held-out text, at most `limit` characters of it, read as one stream per row.
double held_out_bits(Model& model, const Corpus& corpus, const Options& options, std::int64_t limit);

}  // namespace charlm
