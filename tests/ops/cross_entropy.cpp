// cross_entropy against its definition, and what the generic tests cannot draw: ignored rows, extreme logits, errors.
#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ops.hpp"
#include "unspool/tape.hpp"

namespace us = unspool;
using namespace us::test;
using us::Reduction;

namespace {

struct Question {
  us::Tensor<double> logits;
  std::vector<std::int64_t> targets;
  std::vector<double> weight;  // empty: none
  us::CrossEntropyOptions options;
};

// The definition with weights and smoothing: cross entropy with the distribution (1 - s) onehot + s / C.
double row_loss(const Question& q, std::size_t r) {
  const std::size_t C = static_cast<std::size_t>(q.logits.shape()[-1]);
  const std::size_t target = static_cast<std::size_t>(q.targets[r]);
  double sum = 0, loss = 0;
  for (std::size_t c = 0; c < C; ++c) sum += std::exp(q.logits.values()[r * C + c]);
  for (std::size_t c = 0; c < C; ++c) {
    const double s = q.options.label_smoothing;
    const double wanted = s / static_cast<double>(C) + (c == target ? 1 - s : 0);
    loss -= wanted * (q.weight.empty() ? 1 : q.weight[c]) * std::log(std::exp(q.logits.values()[r * C + c]) / sum);
  }
  return loss;
}

std::vector<double> expected(const Question& q) {
  std::vector<double> rows;
  double total = 0, counted = 0;
  for (std::size_t r = 0; r < q.targets.size(); ++r) {
    const bool ignored = q.targets[r] == q.options.ignore_index;
    rows.push_back(ignored ? 0 : row_loss(q, r));
    total += rows.back();
    if (!ignored) counted += q.weight.empty() ? 1 : q.weight[static_cast<std::size_t>(q.targets[r])];
  }
  if (q.options.reduction == Reduction::none) return rows;
  return {q.options.reduction == Reduction::mean ? total / counted : total};
}

template <class T>
us::Var<T> asked(us::Tape<T>& tape, const us::Var<T>& x, const Question& q) {
  if (q.weight.empty()) return cross_entropy(x, q.targets, q.options);
  const std::vector<T> weight(q.weight.begin(), q.weight.end());
  return cross_entropy(x, q.targets, tape.input({static_cast<std::int64_t>(weight.size())}, weight), q.options);
}

us::Error target_error(std::vector<std::int64_t> targets, us::CrossEntropyOptions options = {}) {
  us::Tape<double> tape;
  const us::Var<double> x = tape.zeros({2, 4});
  const std::int64_t nodes = tape.stats().nodes;
  const us::Error error = error_from([&] { cross_entropy(x, targets, options); });
  CHECK(tape.stats().nodes == nodes);
  return error;
}

}  // namespace

TEST_CASE("cross_entropy is its definition under every combination of options") {
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
    for (const std::int64_t ignore_index : {std::int64_t{-100}, std::int64_t{2}})
      for (const double smoothing : {0.0, 0.1, 1.0})
        for (const bool weighted : {false, true}) {
          Question q{random_tensor({5, 4}, 3, -3, 3), {0, 2, 1, 2, 3}, {}, {reduction, ignore_index, smoothing}};
          if (weighted) q.weight = {0.5, 2, 0.25, 1};
          CAPTURE(static_cast<int>(reduction));
          CAPTURE(ignore_index);
          CAPTURE(smoothing);
          CAPTURE(weighted);
          us::Tape<double> tape;
          CHECK(difference(asked(tape, tape.input(q.logits), q).values(), expected(q)) == "");
          us::Tape<float> narrow;
          const us::Var<float> x = narrow.input(us::Tensor<float>(
              q.logits.shape(), std::vector<float>(q.logits.values().begin(), q.logits.values().end())));
          CHECK(difference(asked(narrow, x, q).values(), expected(q), {1e-6, 1e-6}) == "");
        }
}

TEST_CASE("cross_entropy takes any leading axes, targets of any integer type and a bare reduction") {
  us::Tape<double> tape;
  const us::Tensor<double> logits = random_tensor({2, 3, 4}, 1);
  const std::vector<std::uint8_t> bytes{0, 1, 2, 3, 0, 1};
  const us::Var<double> x = tape.input(logits);
  const us::Var<double> rows = cross_entropy(x, bytes, Reduction::none);
  CHECK(rows.shape() == us::Shape{2, 3});
  CHECK(difference(rows.values(), expected({logits, {0, 1, 2, 3, 0, 1}, {}, {.reduction = Reduction::none}})) == "");
  CHECK(cross_entropy(x, {0, 1, 2, 3, 0, 1}, Reduction::sum).item() == doctest::Approx(sum(rows).item()));
  CHECK(cross_entropy(x, std::vector<int>{0, 1, 2, 3, 0, 1}).item() == doctest::Approx(mean(rows).item()));

  const us::Var<double> one = cross_entropy(tape.input(random_tensor({4}, 2)), {3}, Reduction::none);
  CHECK(one.shape() == us::Shape{});
}

TEST_CASE("an ignored row has loss and gradient exactly 0 whatever its logits are") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable({3, 2}, std::vector<double>{1, 2, NAN, inf, 0, 0});
  const us::Var<double> loss = cross_entropy(x, {0, -100, 1}, {.label_smoothing = 0.1});
  tape.backward(loss);
  CHECK(std::isfinite(loss.item()));
  CHECK(x.grad()[2] == 0);
  CHECK(x.grad()[3] == 0);
  CHECK(x.grad()[4] == doctest::Approx((0.5 - 0.05) / 2));  // halved: the mean is over the two rows that count
}

TEST_CASE("where every row is ignored the mean is NaN, the sum 0 and the gradient 0") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(random_tensor({2, 3}, 1));
  const us::Var<double> loss = cross_entropy(x, {-1, -1}, {.ignore_index = -1});
  tape.backward(loss);
  CHECK(std::isnan(loss.item()));
  CHECK(difference(x.grad(), std::vector<double>(6, 0.0), exact) == "");
  CHECK(cross_entropy(x, {-1, -1}, {.reduction = Reduction::sum, .ignore_index = -1}).item() == 0);
  CHECK(std::isnan(cross_entropy(tape.zeros({0, 3}), std::vector<int>{}).item()));
}

TEST_CASE("logits of ten thousand neither overflow nor lose a small loss") {
  us::Tape<float> tape;
  const std::vector<float> values{1e4f, -1e4f, 0, 1e4f, 1e4f - 8, -1e4f};
  const us::Var<float> x = tape.variable({2, 3}, values);
  const us::Var<float> loss = cross_entropy(x, {1, 0}, Reduction::none);
  tape.backward(loss, std::vector<float>{1, 1});
  // Float keeps four digits of the small loss. Adding the logarithm to the largest logit before the target is taken off
  // would give 0 in the second row.
  CHECK(difference(loss.values(), std::vector<double>{2e4, std::log1p(std::exp(-8.0))}, {0, 2e-4}) == "");
  const double p = 1 / (1 + std::exp(8.0));
  CHECK(difference(x.grad(), std::vector<double>{1, -1, 0, -p, p, 0}, {1e-7, 1e-6}) == "");
}

TEST_CASE("a class masked with -inf costs nothing until it is the target") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable({1, 3}, std::vector<double>{0, 0, -inf});
  const us::Var<double> loss = cross_entropy(x, {0});
  tape.backward(loss);
  CHECK(loss.item() == doctest::Approx(std::log(2.0)));
  CHECK(x.grad()[2] == 0);
  CHECK(cross_entropy(tape.input({1, 3}, std::vector<double>{0, 0, -inf}), {2}).item() == inf);
}

TEST_CASE("ten thousand classes in float agree with double") {
  const us::Tensor<double> logits = random_tensor({3, 10000}, 4, -8, 8);
  const std::vector<int> targets{9999, 0, 1234};
  us::Tape<double> wide;
  us::Tape<float> narrow;
  const us::Var<double> x = wide.variable(logits);
  const us::Var<float> z = narrow.variable(
      us::Tensor<float>(logits.shape(), std::vector<float>(logits.values().begin(), logits.values().end())));
  const us::Var<double> exact_loss = cross_entropy(x, targets);
  const us::Var<float> loss = cross_entropy(z, targets);
  CHECK(loss.item() == doctest::Approx(exact_loss.item()).epsilon(1e-6));
  wide.backward(exact_loss);
  narrow.backward(loss);
  CHECK(difference(z.grad(), x.grad(), {1e-9, 1e-5}) == "");
}

TEST_CASE("a target that is no class is rejected with its position before anything is recorded") {
  const us::Error high = target_error({3, 4});
  CHECK(high.code() == us::ErrorCode::index_out_of_range);
  CHECK(rule_text(high) ==
        "cross_entropy: targets must be in 0..3 or -100 (ignored); targets[1] is 4 and there are 4 classes; "
        "operands [2,4]");
  CHECK(target_error({-1, 0}).code() == us::ErrorCode::index_out_of_range);
  CHECK(target_error({-100, 0}, {.ignore_index = -1}).code() == us::ErrorCode::index_out_of_range);
}

TEST_CASE("cross_entropy rejects a wrong count, weight, smoothing or shape") {
  const us::Error count = target_error({0, 1, 2});
  CHECK(count.code() == us::ErrorCode::shape_mismatch);
  CHECK(rule_text(count) == "cross_entropy: needs one target a row of logits, 2; given 3; operands [2,4]");
  const us::Error smoothing = target_error({0, 1}, {.label_smoothing = 1.5});
  CHECK(smoothing.code() == us::ErrorCode::bad_argument);
  CHECK(rule_text(smoothing) == "cross_entropy: label_smoothing must be in 0..1; given 1.5; operands [2,4]");
  CHECK(target_error({0, 1}, {.label_smoothing = NAN}).code() == us::ErrorCode::bad_argument);

  us::Tape<double> tape;
  const us::Var<double> x = tape.zeros({2, 4});
  const us::Error weight = error_from([&] { cross_entropy(x, {0, 1}, tape.ones({3})); });
  CHECK(weight.code() == us::ErrorCode::shape_mismatch);
  CHECK(rule_text(weight) == "cross_entropy: weight must be [4], one number a class; operands [2,4], [3]");
  CHECK(error_from([&] { cross_entropy(tape.scalar(0), {0}); }).code() == us::ErrorCode::shape_mismatch);
}
