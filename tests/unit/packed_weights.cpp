#include "tape/packed_weights.hpp"

#include <doctest/doctest.h>

#include "support/random_tensor.hpp"
#include "tape/tape_core.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::random_tensor;

namespace {

template <class T>
struct Product {
  std::vector<T> y, dx;
};

// y = x op(w) and d(sum of y g)/dx, on a tape that has used w `uses` times before.
template <class T>
Product<T> product(us::Parameter<T>& w, const us::Tensor<T>& x, bool transposed, int uses, std::uint64_t seed) {
  us::Tape<T> tape;
  us::Var<T> xs = tape.variable(x), y, total = tape.scalar(0);
  for (int i = 0; i <= uses; ++i) {
    y = transposed ? linear(xs, tape.parameter(w)) : matmul(xs, tape.parameter(w));
    if (i < uses) total += sum(y) * 0.0;
  }
  const us::Tensor<T> g = random_tensor<T>(y.shape(), seed);
  tape.backward(total + sum(y * tape.input(g)));
  const auto value = y.values();
  const auto grad = xs.grad();
  return {{value.begin(), value.end()}, {grad.begin(), grad.end()}};
}

template <class T>
void check_same_bits() {
  std::uint64_t seed = 1;
  for (const std::int64_t m : {1, 3, 8, 9, 32})
    for (const std::int64_t k : {1, 7, 17, 33, 300})
      for (const std::int64_t n : {1, 3, 31, 33, 64}) {
        us::ParameterSet<T> params(us::Seed{++seed});
        us::Parameter<T>& w = params.add("w", {k, n}, us::normal());
        us::Parameter<T>& wt = params.add("wt", {n, k}, us::normal());
        const us::Tensor<T> x = random_tensor<T>({m, k}, seed);
        CAPTURE(m);
        CAPTURE(k);
        CAPTURE(n);
        for (const bool transposed : {false, true}) {
          us::Parameter<T>& used = transposed ? wt : w;
          const Product<T> once = product(used, x, transposed, 0, seed), often = product(used, x, transposed, 3, seed);
          CHECK(once.y == often.y);
          // The other uses add exact zeros.
          CHECK(once.dx == often.dx);
        }
      }
}

}  // namespace

TEST_CASE("a weight that is packed for its later uses gives the bits of its first use") {
  check_same_bits<float>();
  check_same_bits<double>();
}

TEST_CASE("a weight is packed at its second use, and a repeated recording takes no new memory") {
  us::ParameterSet<> params(us::Seed{3});
  us::Parameter<>& w = params.add("w", {40, 20}, us::normal());
  us::Tape<> tape;
  std::int64_t bytes = 0;
  for (int recording = 0; recording < 3; ++recording) {
    tape.reset();
    us::Var<> x = tape.zeros({2, 20});
    linear(x, tape.parameter(w));
    if (recording == 0) CHECK(tape.core()->packed_weights().bytes() == 0);
    linear(x, tape.parameter(w));
    linear(x, tape.parameter(w));
    if (recording == 0) bytes = tape.core()->packed_weights().bytes();
    CHECK(tape.core()->packed_weights().bytes() == bytes);
  }
  CHECK(bytes >= 40 * 20 * 4);
  const us::TapeStats stats = tape.stats();
  CHECK(stats.packed_bytes == bytes);
  CHECK(stats.node_bytes == 64 * stats.nodes);
  CHECK(stats.peak_bytes == stats.value_bytes + stats.node_bytes + stats.gradient_bytes_peak + bytes);
}

TEST_CASE("a new recording sees the parameter's new value") {
  us::ParameterSet<double> params(us::Seed{3});
  us::Parameter<double>& w = params.add("w", {3, 2}, us::constant(1));
  us::Tape<double> tape;
  for (const double value : {1.0, 5.0}) {
    tape.reset();
    for (double& v : w.mutable_values()) v = value;
    const us::Var<double> x = tape.input(us::Tensor<double>({1, 2}, {1, 2}));
    us::Var<double> y;
    for (int i = 0; i < 3; ++i) y = linear(x, tape.parameter(w));
    CHECK(y.values()[2] == 3 * value);
  }
}

TEST_CASE("after a rewind another parameter in the same place is packed anew") {
  us::ParameterSet<double> params(us::Seed{3});
  us::Parameter<double>& a = params.add("a", {3, 2}, us::constant(1));
  us::Parameter<double>& b = params.add("b", {3, 2}, us::constant(7));
  us::Tape<double> tape;
  const us::Var<double> x = tape.input(us::Tensor<double>({1, 2}, {1, 2}));
  const us::Mark start = tape.mark();
  for (us::Parameter<double>* w : {&a, &b}) {
    tape.rewind(start);
    us::Var<double> y;
    for (int i = 0; i < 3; ++i) y = linear(x, tape.parameter(*w));
    CHECK(y.values()[0] == (w == &a ? 3 : 21));
  }
}
