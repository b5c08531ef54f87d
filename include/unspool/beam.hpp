// Beam search over any model: the `width` best beginnings are carried on step by step.
//
//   auto step = [&](State& state, std::int64_t last) { ...; return logits; };   // logits of the next symbol
//   us::Hypothesis best = us::beam_search(state, step, {.width = 8, .start = bos, .end = eos, .max_steps = 50})[0];
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/scalar.hpp"

namespace unspool {

struct BeamOptions {
  std::int64_t width = 5;      ///< beginnings kept after each step
  std::int64_t start = 0;      ///< what the model is told the symbol before the first was
  std::int64_t end = -1;       ///< the symbol that ends a hypothesis; -1: there is none
  std::int64_t max_steps = 0;  ///< the most symbols, the end included
  double length_penalty = 1;   ///< score = log_prob / length^penalty: 0 favours short results, 1 compares per symbol
  std::int64_t best = 1;       ///< results wanted, at most `width`
  bool early = true;  ///< done once no live hypothesis could win by ending at the next step; false: at any later one
};

/// A result of the search, or a beginning of one.
struct Hypothesis {
  std::vector<std::int64_t> symbols;  ///< without the end
  double log_prob = 0;                ///< of all symbols, the end included
  double score = 0;                   ///< what hypotheses are ranked by; their length includes the end
  bool complete = false;              ///< reached the end symbol within max_steps
};

/// The search itself, for models that compute all live hypotheses as one batch; beam_search() below is its loop over
/// single ones. Between two calls of advance() the live hypotheses are rows 0..live()-1, the most likely first.
class UNSPOOL_API BeamSearch {
 public:
  /// Throws bad_argument unless width, best and max_steps are above 0, best is at most width, end is at least -1 and
  /// length_penalty is a number of at least 0.
  explicit BeamSearch(const BeamOptions& options);

  /// No live hypothesis could still beat the results, or max_steps were taken.
  bool done() const noexcept { return done_; }
  /// For each live hypothesis its last symbol: what the model reads next.
  std::span<const std::int64_t> symbols() const noexcept { return symbols_; }
  /// For each live hypothesis the row it had before the last advance(): which state it goes on from.
  std::span<const std::int64_t> parents() const noexcept { return parents_; }
  /// The number of live hypotheses.
  std::int64_t live() const noexcept { return static_cast<std::int64_t>(symbols_.size()); }

  /// Takes one step: logits [live(),V] of the symbols after the live hypotheses, normalised here (log-probabilities are
  /// logits too). A symbol with -inf is impossible; a row where all are ends without a result. Equal probabilities are
  /// ordered by row, then symbol. Throws shape_mismatch for another number of logits, index_out_of_range when V does
  /// not hold the end symbol, nonfinite for a NaN or +inf, bad_argument once done.
  template <Scalar T>
  void advance(std::span<const T> logits);

  /// The best results, best first: complete ones, then, where these are too few, what was still live. Empty where
  /// nothing was possible.
  std::vector<Hypothesis> results() const;

 private:
  struct Node {
    std::int64_t parent, symbol;
  };
  struct Candidate {
    double log_prob;
    std::int64_t row, symbol;
  };
  struct Finished {
    std::int64_t node;
    double log_prob, score;
  };

  double score(double log_prob, std::int64_t length) const;
  std::vector<std::int64_t> spelled(std::int64_t node) const;
  void finish(double log_prob, std::int64_t node);
  void keep_best();
  void check_done();

  BeamOptions options_;
  bool done_ = false;
  std::int64_t steps_ = 0;
  std::vector<Node> nodes_;  // all hypotheses, each as its parent and one symbol more
  std::vector<std::int64_t> live_, symbols_, parents_;
  std::vector<double> log_probs_, row_;
  std::vector<Candidate> candidates_;
  std::vector<Finished> finished_;  // best first, at most `width`
};

/// Searches from one state. step(state, symbol) reads a symbol, brings the state up to date and returns the logits of
/// the next one: anything contiguous of float or double. A state is copied for each hypothesis that goes on from it.
/// Throws what BeamSearch throws, and what step throws.
template <class State, class Step>
std::vector<Hypothesis> beam_search(const State& initial, Step&& step, const BeamOptions& options) {
  using T = std::remove_cvref_t<decltype(*std::data(step(std::declval<State&>(), std::int64_t{})))>;
  BeamSearch search(options);
  std::vector<State> states{initial}, next;
  std::vector<T> logits;
  while (!search.done()) {
    logits.clear();
    for (std::size_t i = 0; i < states.size(); ++i) {
      const auto& row = step(states[i], search.symbols()[i]);
      logits.insert(logits.end(), std::data(row), std::data(row) + std::size(row));
    }
    search.advance(std::span<const T>(logits));
    next.clear();
    for (const std::int64_t parent : search.parents()) next.push_back(states[static_cast<std::size_t>(parent)]);
    states.swap(next);
  }
  return search.results();
}

extern template UNSPOOL_API void BeamSearch::advance(std::span<const float>);
extern template UNSPOOL_API void BeamSearch::advance(std::span<const double>);

}  // namespace unspool
