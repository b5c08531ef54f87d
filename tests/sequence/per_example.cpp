// A batch's gradient split by its examples is the gradients of the examples one at a time.
#include "unspool/per_example.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;
using Values = std::vector<double>;

namespace {

constexpr std::int64_t steps = 6, batch = 4, input = 3, hidden = 5;

/// Rows [b, b + 1) of x's axis 1.
us::Tensor<double> example_of(const us::Tensor<double>& x, std::int64_t b) {
  const std::int64_t T = x.shape()[0], width = x.shape()[2];
  us::Tensor<double> row({T, 1, width});
  for (std::int64_t t = 0; t < T; ++t)
    for (std::int64_t i = 0; i < width; ++i) row[t * width + i] = x[(t * x.shape()[1] + b) * width + i];
  return row;
}

/// record(tape, x, lengths) gives a loss that is a sum over the rows of x. Shares against one row at a time.
template <class Record>
void check_examples(us::ParameterSet<double>& params, const std::vector<std::int64_t>& lengths, Record record,
                    us::TapeOptions options = {}) {
  const us::Tensor<double> x = random_tensor({steps, batch, input}, 2);
  options.step_ledger = true;
  us::Tape<double> tape(options);
  tape.backward(record(tape, x, lengths));
  std::vector<us::Tensor<double>> shares;
  for (const us::Parameter<double>& p : params) shares.push_back(us::per_example_gradients(tape, p, batch));
  const std::vector<double> norms = us::per_example_norms(tape, params, batch);
  for (std::int64_t b = 0; b < batch; ++b) {
    params.zero_grad();
    us::Tape<double> single;
    single.backward(record(single, example_of(x, b), std::vector<std::int64_t>{lengths[static_cast<std::size_t>(b)]}));
    double squares = 0;
    for (std::size_t i = 0; i < params.size(); ++i) {
      const us::Parameter<double>& p = params.at(i);
      CAPTURE(p.name());
      CAPTURE(b);
      const auto size = static_cast<std::size_t>(p.size());
      const auto share = shares[i].values().subspan(static_cast<std::size_t>(b) * size, size);
      CHECK(difference(share, p.grad(), {1e-12, 1e-11}) == "");
      for (const double g : p.grad()) squares += g * g;
    }
    CHECK(norms[static_cast<std::size_t>(b)] == doctest::Approx(std::sqrt(squares)).epsilon(1e-10));
    CHECK(squares > 0);
  }
}

const std::vector<std::int64_t> whole(batch, steps), ragged{4, 6, 1, 3};

template <class Layer, class Options>
void check_layer(const std::vector<std::int64_t>& lengths, Options options) {
  us::ParameterSet<double> params(us::Seed{3});
  options.input = input, options.hidden = hidden;
  const Layer layer(params, "rnn", options);
  const us::Linear<double> head(params, "head", {.input = hidden * (options.bidirectional ? 2 : 1), .output = 2});
  for (const std::int64_t bytes : {std::int64_t{8} << 20, std::int64_t{0}})
    check_examples(params, lengths,
                   [&](auto& tape, const auto& x, const auto& given) {
                     return sum(square(head(layer(us::Sequence<double>(tape.input(x), given)).outputs).packed()));
                   },
                   {.deferred_bytes = bytes});
}

}  // namespace

TEST_CASE("a layer's gradient splits into those of its examples, whole or ragged, in both directions") {
  for (const std::vector<std::int64_t>& lengths : {whole, ragged})
    for (const bool both : {false, true}) {
      CAPTURE(both);
      check_layer<us::RNN<double>>(lengths, us::RNNOptions{.layers = 2, .bidirectional = both});
      check_layer<us::LSTM<double>>(lengths, us::LSTMOptions{.layers = 2, .bidirectional = both});
      check_layer<us::GRU<double>>(lengths, us::GRUOptions{.layers = 2, .bidirectional = both});
    }
  check_layer<us::LSTM<double>>(whole, us::LSTMOptions{.fused = false});
}

TEST_CASE("a loop's gradient splits too: products, biases, looked-up rows, and rows of all steps at once") {
  us::ParameterSet<double> params(us::Seed{4});
  const us::GRUCell<double> cell(params, "cell", {.input = input, .hidden = hidden});
  const us::Linear<double> head(params, "head", {.input = hidden, .output = 30});
  auto& table = params.add("table", {3, input}, us::normal());
  check_examples(params, whole, [&](us::Tape<double>& tape, const us::Tensor<double>& x, const auto&) {
    const std::int64_t rows = x.shape()[1];
    us::Var<double> h = cell.zero_state(tape, rows);
    std::vector<us::Var<double>> outputs;
    for (std::int64_t t = 0; t < steps; ++t) {
      const auto size = static_cast<std::size_t>(rows * input);
      const us::Var<double> now =
          tape.input({rows, input}, x.values().subspan(static_cast<std::size_t>(t) * size, size));
      h = cell(now + embedding(tape.parameter(table), std::vector<std::int64_t>(static_cast<std::size_t>(rows), t % 3)),
               h);
      outputs.push_back(h);
    }
    return sum(square(head(stack(outputs, 0))));  // [T,B,H]
  });
}

TEST_CASE("shares of a parameter that was not used are 0, and of a batch of one everything belongs to it") {
  us::ParameterSet<double> params(us::Seed{5});
  auto& scale = params.add("scale", {3}, us::ones());
  auto& unused = params.add("unused", {2}, us::ones());
  us::Tape<double> tape({.step_ledger = true});
  tape.backward(sum(tape.input({1, 3}, Values{1, 2, 3}) * scale));
  CHECK(difference(us::per_example_gradients(tape, unused, 4).values(), Values(8)) == "");
  CHECK(difference(us::per_example_gradients(tape, scale, 1).values(), Values{1, 2, 3}) == "");
  CHECK(us::per_example_norms(tape, params, 1)[0] == doctest::Approx(std::sqrt(14.0)));
}

TEST_CASE("a gradient that is no sum over rows, or over other rows, is refused by name") {
  us::ParameterSet<double> params(us::Seed{6});
  auto& scale = params.add("scale", {3}, us::ones());
  auto& weight = params.add("weight", {3, 2}, us::normal());
  us::Tape<double> tape({.step_ledger = true});
  UNSPOOL_CHECK_ERROR(us::per_example_gradients(tape, weight, 2), no_gradient, "backward() has not been run");
  tape.backward(sum(square(matmul(tape.input(random_tensor({4, 3}, 1)) * scale, weight))));
  UNSPOOL_CHECK_ERROR(us::per_example_gradients(tape, scale, 4), unsupported, "the gradient of scale must come from");
  CHECK(us::per_example_gradients(tape, weight, 4).shape() == us::Shape{4, 3, 2});
  UNSPOOL_CHECK_ERROR(us::per_example_gradients(tape, weight, 3), shape_mismatch,
                      "what weight was used on must have a row, or one a step, for each of 3 examples");
  UNSPOOL_CHECK_ERROR(us::per_example_norms(tape, params, -1), bad_argument, "must not be negative");
  us::Tape<double> plain;
  plain.backward(sum(matmul(plain.input(random_tensor({4, 3}, 1)), weight)));
  UNSPOOL_CHECK_ERROR(us::per_example_gradients(plain, weight, 4), no_gradient,
                      "make it with TapeOptions::step_ledger");
}
