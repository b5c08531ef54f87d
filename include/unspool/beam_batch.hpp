// Beam search for a batch of sources at once: all live hypotheses of all rows go through the network together.
//
//   const auto step = [&](auto& state, const us::Ids& symbols) {
//     state = decoder(embed(tape, symbols), state);
//     return head(state.output);
//   };
//   auto found = us::beam_search(tape, decoder.start(encoded), step, {.width = 5, .end = eos, .max_steps = 30});
#pragma once

#include "unspool/beam.hpp"
#include "unspool/ids.hpp"
#include "unspool/state.hpp"
#include "unspool/tensor.hpp"

namespace unspool {

namespace detail {

/// The rows of a tensor, in the order given; any number of times each.
template <Scalar T>
Tensor<T> chosen_rows(const Shape& shape, std::span<const T> values, std::span<const std::int64_t> rows);
/// What the live hypotheses of all searches read next, search after search.
UNSPOOL_API std::vector<std::int64_t> live_symbols(std::span<const BeamSearch> searches);
/// Advances every search that is not done by its rows of the logits [rows,V]; returns for each row that lives on in a
/// search that is not done the row it goes on from. Throws shape_mismatch.
template <Scalar T>
std::vector<std::int64_t> advance_all(std::span<BeamSearch> searches, const Shape& shape, std::span<const T> logits,
                                      std::int64_t rows);

extern template UNSPOOL_API Tensor<float> chosen_rows(const Shape&, std::span<const float>,
                                                      std::span<const std::int64_t>);
extern template UNSPOOL_API Tensor<double> chosen_rows(const Shape&, std::span<const double>,
                                                       std::span<const std::int64_t>);
extern template UNSPOOL_API std::vector<std::int64_t> advance_all(std::span<BeamSearch>, const Shape&,
                                                                  std::span<const float>, std::int64_t);
extern template UNSPOOL_API std::vector<std::int64_t> advance_all(std::span<BeamSearch>, const Shape&,
                                                                  std::span<const double>, std::int64_t);

}  // namespace detail

/// For each row of `initial`, a state (state.hpp) whose Vars are [B,...] on the tape, the best results, best first.
/// step(state, symbols) reads one symbol for each row of the state, makes it the next state and returns the logits of
/// what follows, [rows,V]; there are as many rows as live hypotheses. What a step records is forgotten after it, so
/// the tape does not grow. The results of a row are those of a search of its own, bit for bit. Throws what BeamSearch
/// throws, shape_mismatch for logits of another number of rows, and what step throws.
template <Scalar T, class State, class Step>
std::vector<std::vector<Hypothesis>> beam_search(Tape<T>& tape, const State& initial, Step&& step,
                                                 const BeamOptions& options) {
  State state = initial;
  std::vector<Tensor<T>> parts;  // the state's Vars while nothing is on the tape
  for_each_var(state, [&](const Var<T>& v) { parts.push_back(v.tensor()); });
  const std::int64_t batch = parts.empty() ? 0 : parts.front().shape()[0];
  std::vector<BeamSearch> searches(static_cast<std::size_t>(batch), BeamSearch(options));
  std::vector<std::int64_t> symbols = detail::live_symbols(searches);
  while (!symbols.empty()) {
    const Mark mark = tape.mark();
    std::size_t part = 0;
    for_each_var(state, [&](Var<T>& v) { v = tape.input(parts[part++]); });
    const Var<T> logits = step(state, Ids(symbols));
    const std::vector<std::int64_t> rows =
        detail::advance_all<T>(searches, logits.shape(), logits.values(), static_cast<std::int64_t>(symbols.size()));
    part = 0;
    for_each_var(state, [&](const Var<T>& v) { parts[part++] = detail::chosen_rows<T>(v.shape(), v.values(), rows); });
    tape.rewind(mark);
    symbols = detail::live_symbols(searches);
  }
  std::vector<std::vector<Hypothesis>> results;
  for (const BeamSearch& search : searches) results.push_back(search.results());
  return results;
}

}  // namespace unspool
