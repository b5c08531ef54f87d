// Losses over the steps that count: a mask leaves rows out whatever they hold, and the mean is over the others.
#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/masks.hpp"
#include "unspool/ops.hpp"
#include "unspool/tape.hpp"

namespace us = unspool;
using namespace us::test;
using us::Reduction;

namespace {

const std::vector<std::int64_t> lengths{3, 0, 2};

/// [3,3,width] random values, NaN beyond each row's length.
us::Tensor<double> padded(std::int64_t width, std::uint64_t seed, double low, double high) {
  us::Tensor<double> x = random_tensor({3, 3, width}, seed, low, high);
  for (std::int64_t i = 0; i < x.size(); ++i)
    if (i / width / 3 >= lengths[static_cast<std::size_t>(i / width % 3)]) x[i] = not_a_number;
  return x;
}

bool counts(std::int64_t row) { return row / 3 < lengths[static_cast<std::size_t>(row % 3)]; }

}  // namespace

TEST_CASE("step_mask is 1 where a step is within its row's length, time first") {
  CHECK(us::step_mask(lengths, 3) == std::vector<std::uint8_t>{1, 0, 1, 1, 0, 1, 1, 0, 0});
  CHECK(us::step_mask(us::Ids(), 4).empty());
  CHECK(us::step_mask({0, 0}, 0).empty());
  CHECK(error_from([] { us::step_mask({4}, 3); }).code() == us::ErrorCode::bad_argument);
  CHECK(error_from([] { us::step_mask({-1}, 3); }).code() == us::ErrorCode::bad_argument);
  CHECK(error_from([] { us::step_mask({0}, -1); }).code() == us::ErrorCode::bad_argument);
  CHECK(error_from([] { us::step_mask({1, 2}, std::int64_t{1} << 62); }).code() == us::ErrorCode::bad_shape);
}

TEST_CASE("cross_entropy with a mask is that of the rows that count, whatever logits and targets the others have") {
  const us::Tensor<double> logits = padded(4, 1, -2, 2);
  const std::vector<std::int64_t> targets{1, -1, 0, 3, 99, 2, 0, -1, 77};
  const std::vector<std::uint8_t> mask = us::step_mask(lengths, 3);
  std::vector<double> kept;
  std::vector<std::int64_t> kept_targets;
  for (std::int64_t r = 0; r < 9; ++r) {
    if (!counts(r)) continue;
    kept.insert(kept.end(), logits.data() + r * 4, logits.data() + r * 4 + 4);
    kept_targets.push_back(targets[static_cast<std::size_t>(r)]);
  }
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    const us::CrossEntropyOptions options{.reduction = reduction, .label_smoothing = 0.1};
    us::Tape<double> tape;
    const us::Var<double> x = tape.variable(logits), few = tape.variable({5, 4}, kept);
    const us::Var<double> loss = cross_entropy(x, targets, mask, options);
    const us::Var<double> expected = cross_entropy(few, kept_targets, options);
    CHECK(close(loss.item(), expected.item()));
    tape.backward(loss + expected);
    std::size_t at = 0;
    for (std::int64_t i = 0; i < x.size(); ++i)
      CHECK(x.grad()[static_cast<std::size_t>(i)] == (counts(i / 4) ? few.grad()[at++] : 0));
  }
}

TEST_CASE("cross_entropy with a mask that counts nothing is 0 with gradient 0") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(random_tensor({2, 3}, 1));
  const us::Var<double> loss = cross_entropy(x, {7, 7}, {0, 0});
  CHECK(loss.item() == 0);
  tape.backward(loss);
  for (const double g : x.grad()) CHECK(g == 0);
  CHECK(cross_entropy(tape.zeros({0, 3}), us::Ids(), us::Ids()).item() == 0);
  CHECK(error_from([&] { cross_entropy(x, {0, 1}, {1}); }).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_from([&] { cross_entropy(x, {0, 7}, {0, 1}); }).code() == us::ErrorCode::index_out_of_range);
}

TEST_CASE("binary cross entropy with a mask is that of the elements that count, whatever the others hold") {
  const us::Tensor<double> logits = padded(2, 3, -4, 4), target = padded(2, 4, 0, 1);
  const std::vector<std::uint8_t> mask = us::step_mask(lengths, 3);
  std::vector<double> kept, kept_target;
  for (std::int64_t i = 0; i < 18; ++i)
    if (counts(i / 2)) kept.push_back(logits[i]), kept_target.push_back(target[i]);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    us::Tape<double> tape;
    const us::Var<double> x = tape.variable(logits), t = tape.variable(target);
    const us::Var<double> few = tape.variable({10}, kept), few_t = tape.variable({10}, kept_target);
    const us::Var<double> loss = binary_cross_entropy_with_logits(x, t, mask, reduction);
    const us::Var<double> expected = binary_cross_entropy_with_logits(few, few_t, reduction);
    CHECK(close(loss.item(), expected.item()));
    tape.backward(loss + expected);
    std::size_t at = 0;
    for (std::size_t i = 0; i < 18; ++i) {
      const bool counted = counts(static_cast<std::int64_t>(i) / 2);
      CHECK(x.grad()[i] == (counted ? few.grad()[at] : 0));
      CHECK(t.grad()[i] == (counted ? few_t.grad()[at] : 0));
      at += counted ? 1 : 0;
    }
  }
  us::Tape<double> tape;
  const us::Var<double> each =
      binary_cross_entropy_with_logits(tape.input(logits), tape.input(target), mask, Reduction::none);
  for (std::int64_t i = 0; i < 18; ++i)
    CHECK((counts(i / 2) ? each.values()[static_cast<std::size_t>(i)] > 0
                         : each.values()[static_cast<std::size_t>(i)] == 0));
}

TEST_CASE("binary cross entropy with a mask that counts nothing is 0, and a mask of another size is refused") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(random_tensor({2, 3}, 1)), t = tape.input(random_tensor({2, 3}, 2, 0, 1));
  const us::Var<double> loss = binary_cross_entropy_with_logits(x, t, {0, 0});
  CHECK(loss.item() == 0);
  tape.backward(loss);
  for (const double g : x.grad()) CHECK(g == 0);
  const us::Var<double> none = tape.zeros({0, 3});
  CHECK(binary_cross_entropy_with_logits(none, none, us::Ids()).item() == 0);
  CHECK(std::isnan(binary_cross_entropy_with_logits(none, none).item()));
  for (const std::vector<std::int64_t>& mask : {std::vector<std::int64_t>{1, 1, 1}, {1, 1, 1, 1}, {}})
    CHECK(error_from([&] { binary_cross_entropy_with_logits(x, t, mask); }).code() == us::ErrorCode::shape_mismatch);
}
