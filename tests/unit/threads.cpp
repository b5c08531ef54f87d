#include <doctest/doctest.h>

#include <thread>

#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;

TEST_CASE("two tapes in two threads read the same parameters and give what one thread gives") {
  us::ParameterSet<double> shared(us::Seed{1});
  auto& w = shared.add("w", {8, 8}, us::orthogonal());
  auto& b = shared.add("b", {8}, us::normal());
  w.set_trainable(false);
  b.set_trainable(false);
  const auto work = [&](std::uint64_t seed, std::vector<double>& result) {
    us::ParameterSet<double> own(us::Seed{seed});
    auto& head = own.add("head", {8, 2}, us::xavier_uniform());
    for (int round = 0; round < 20; ++round) {
      us::Tape<double> tape({.seed = seed});
      const us::Var<double> x = tape.variable(random_tensor({4, 8}, seed));
      us::Var<double> h = x;
      for (int t = 0; t < 10; ++t) {
        const auto step = tape.step(t);
        h = dropout(tanh(matmul(h, w) + b), 0.1);
      }
      own.zero_grad();
      tape.backward(sum(matmul(h, head)));
      result = us::test::doubles(x.grad());
      result.insert(result.end(), head.grad().begin(), head.grad().end());
    }
  };
  std::vector<double> alone[2], together[2];
  work(1, alone[0]);
  work(2, alone[1]);
  std::thread first(work, 1, std::ref(together[0])), second(work, 2, std::ref(together[1]));
  first.join();
  second.join();
  for (int i = 0; i < 2; ++i) CHECK(difference(together[i], alone[i], us::test::exact) == "");
  CHECK(difference(alone[0], alone[1]) != "");
}
