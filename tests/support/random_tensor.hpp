// Seeded tensors. Values are exact in float, so that a float run and a double run see the same numbers.
#pragma once

#include <string_view>

#include "unspool/random.hpp"
#include "unspool/tensor.hpp"

namespace unspool::test {

/// A stream of its own for each name and position.
inline Random random_of(std::string_view name, std::uint64_t position = 0) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return Random(Seed{position}, hash);
}

template <class T = double>
Tensor<T> random_tensor(const Shape& shape, Random& random, double low = -1, double high = 1) {
  Tensor<T> x(shape);
  for (T& v : x.values()) v = static_cast<T>(static_cast<float>(random.uniform(low, high)));
  return x;
}

template <class T = double>
Tensor<T> random_tensor(const Shape& shape, std::uint64_t seed, double low = -1, double high = 1) {
  Random random(Seed{seed});
  return random_tensor<T>(shape, random, low, high);
}

}  // namespace unspool::test
