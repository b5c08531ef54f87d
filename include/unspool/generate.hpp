// Generating a sequence symbol by symbol, with three ways to stop: an end symbol, a coin that the network weighs, or a
// length that was predicted beforehand (Goodfellow, Bengio and Courville, Deep Learning, section 10.2.3).
//
//   us::Sampler sampler({.temperature = 0.8, .top_p = 0.95}, us::Seed{1});
//   us::Generated text = us::generate(state, step, sampler, {.start = bos, .stop = us::Stop::at(eos)});
#pragma once

#include "unspool/beam.hpp"
#include "unspool/sampling.hpp"

namespace unspool {

/// When a generated sequence ends.
struct Stop {
  enum class Kind : std::uint8_t { never, symbol, coin, length };
  Kind kind = Kind::never;  ///< at max_steps only
  std::int64_t value = 0;   ///< the symbol or the length

  /// When the end symbol is drawn; it is not part of the result.
  static constexpr Stop at(std::int64_t symbol) { return {Kind::symbol, symbol}; }
  /// After a symbol with probability 1 - sigmoid(go_on), where step returns a Prediction with that logit.
  static constexpr Stop by_coin() { return {Kind::coin, 0}; }
  /// After so many symbols: a number that the network predicted, or that is given.
  static constexpr Stop after(std::int64_t length) { return {Kind::length, length}; }
};

/// What step returns to generate() where the network also says whether to go on.
template <Scalar T>
struct Prediction {
  std::span<const T> logits;  ///< of the next symbol
  double go_on = 0;           ///< logit of there being a further symbol after that
};

struct GenerateOptions {
  std::int64_t start = 0;  ///< what the model is told the symbol before the first was
  Stop stop = {};
  std::int64_t max_steps = 1000;  ///< the most symbols, whatever else says when to stop
};

struct Generated {
  std::vector<std::int64_t> symbols;
  double log_prob = 0;   ///< of the symbols, and of the end symbol, as the sampler drew them
  bool stopped = false;  ///< false: cut off at max_steps
};

namespace detail {

UNSPOOL_API void check_generation(const GenerateOptions& options, bool has_coin);

}  // namespace detail

/// Draws symbols until it is told to stop. step(state, symbol) reads a symbol, brings the state up to date and returns
/// the logits of the next one, or a Prediction; it is the same step that beam_search() takes. Throws bad_argument for a
/// negative length or max_steps and for by_coin() without a Prediction, what the sampler throws, what step throws.
template <class State, class Step>
Generated generate(State& state, Step&& step, Sampler& sampler, const GenerateOptions& options) {
  using Result = std::remove_cvref_t<decltype(step(state, std::int64_t{}))>;
  constexpr bool has_coin = requires(const Result& r) { r.go_on; };
  detail::check_generation(options, has_coin);
  Generated result;
  std::int64_t last = options.start;
  while (true) {
    const auto length = static_cast<std::int64_t>(result.symbols.size());
    if (options.stop.kind == Stop::Kind::length && length == options.stop.value) result.stopped = true;
    if (result.stopped || length >= options.max_steps) return result;
    const auto& prediction = step(state, last);
    if constexpr (has_coin)
      last = sampler(prediction.logits);
    else
      last = sampler(std::span(std::data(prediction), std::size(prediction)));
    result.log_prob += sampler.log_prob();
    result.stopped = options.stop.kind == Stop::Kind::symbol && last == options.stop.value;
    if (result.stopped) return result;
    result.symbols.push_back(last);
    if constexpr (has_coin) result.stopped = options.stop.kind == Stop::Kind::coin && !sampler.coin(prediction.go_on);
  }
}

}  // namespace unspool
