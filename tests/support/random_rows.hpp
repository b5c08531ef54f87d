// A random batch of sequences.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "support/random_tensor.hpp"
#include "unspool/sequence.hpp"

namespace unspool::test {

template <class T>
struct RandomRows {
  Var<T> x;  // [steps,batch,input], a variable
  Sequence<T> xs;
};

/// Rows of `steps` steps each or, ragged, of 0 to `steps`, the first of at least one.
template <class T>
RandomRows<T> random_rows(Tape<T>& tape, const Shape& shape, bool ragged, std::uint64_t seed) {
  const Var<T> x = tape.variable(random_tensor<T>(shape, static_cast<int>(seed)));
  if (!ragged) return {x, Sequence<T>(x)};
  std::mt19937_64 draw(seed);
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(shape[1]));
  for (std::int64_t& n : lengths) n = static_cast<std::int64_t>(draw() % static_cast<std::uint64_t>(shape[0] + 1));
  lengths[0] = std::max<std::int64_t>(lengths[0], 1);
  return {x, Sequence<T>(x, lengths)};
}

}  // namespace unspool::test
