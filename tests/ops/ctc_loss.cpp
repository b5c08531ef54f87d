// ctc_loss against the sum over every alignment there is, and what the generic tests cannot draw: impossible labels,
// ragged batches, errors.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "support/uneven.hpp"
#include "unspool/ops.hpp"
#include "unspool/tape.hpp"

namespace us = unspool;
using namespace us::test;
using us::Reduction;
using Labels = std::vector<std::int64_t>;

namespace {

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Repeats merged, then blanks removed.
Labels collapsed(const Labels& alignment, std::int64_t blank) {
  Labels labels;
  for (std::size_t t = 0; t < alignment.size(); ++t)
    if (alignment[t] != blank && (t == 0 || alignment[t] != alignment[t - 1])) labels.push_back(alignment[t]);
  return labels;
}

/// The probability of every label sequence that some alignment of logits [T,1,C] gives, summed over all C^T of them.
std::map<Labels, double> enumerated(const us::Tensor<double>& logits, std::int64_t blank) {
  const std::int64_t T = logits.shape()[0], C = logits.shape()[2];
  us::Tape<double> tape;
  const us::Var<double> probs = softmax(tape.input(logits), 2);
  std::map<Labels, long double> sums;
  Labels alignment(place(T), 0);
  while (true) {
    long double p = 1;
    for (std::int64_t t = 0; t < T; ++t) p *= probs.values()[place(t * C + alignment[place(t)])];
    sums[collapsed(alignment, blank)] += p;
    std::int64_t t = 0;
    while (t < T && ++alignment[place(t)] == C) alignment[place(t++)] = 0;
    if (t == T) break;
  }
  std::map<Labels, double> result;
  for (const auto& [labels, p] : sums) result[labels] = static_cast<double>(p);
  return result;
}

/// Every sequence of at most `most` of the labels 0..C-1 without the blank.
std::vector<Labels> all_targets(std::int64_t C, std::int64_t blank, std::size_t most) {
  std::vector<Labels> all{{}};
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::int64_t c = 0; c < C && all[i].size() < most; ++c) {
      if (c == blank) continue;
      Labels longer = all[i];
      longer.push_back(c);
      all.push_back(longer);
    }
  return all;
}

double loss_of(const us::Tensor<double>& logits, const Labels& targets, std::int64_t blank) {
  us::Tape<double> tape;
  return ctc_loss(tape.input(logits), targets, {logits.shape()[0]}, {static_cast<std::int64_t>(targets.size())},
                  {.reduction = Reduction::sum, .blank = blank})
      .item();
}

struct Batch {
  us::Tensor<double> logits = random_tensor({6, 4, 5}, 11, -2, 2);
  Labels targets{1, 1, 4, 3, 2, 2, 2, 1};  // of the rows: 1 1 4 | nothing | 3 | 2 2 2 1
  Labels inputs{6, 3, 1, 5};
  Labels lengths{3, 0, 1, 4};
};

us::Var<double> loss_of(us::Tape<double>&, const us::Var<double>& x, const Batch& b, us::CtcOptions options) {
  return ctc_loss(x, b.targets, b.inputs, b.lengths, options);
}

us::Error error_of(const us::Shape& shape, Labels targets, Labels inputs, Labels lengths, us::CtcOptions options = {}) {
  us::Tape<double> tape;
  const us::Var<double> x = tape.zeros(shape);
  const std::int64_t nodes = tape.stats().nodes;
  const us::Error error = error_from([&] { ctc_loss(x, targets, inputs, lengths, options); });
  CHECK(tape.stats().nodes == nodes);
  return error;
}

}  // namespace

TEST_CASE("ctc_loss is the sum over all alignments, for every target of 3 labels and up to 6 steps") {
  int possible = 0, impossible = 0;
  for (std::int64_t T = 0; T <= 6; ++T)
    for (const std::int64_t blank : {0, 2, 3}) {
      const us::Tensor<double> logits = random_tensor({T, 1, 4}, static_cast<std::uint64_t>(10 * T + blank), -3, 3);
      const std::map<Labels, double> expected = enumerated(logits, blank);
      for (const Labels& target : all_targets(4, blank, place(T) + 1)) {
        const auto found = expected.find(target);
        const double loss = loss_of(logits, target, blank);
        CAPTURE(T);
        if (found == expected.end()) {
          CHECK(loss == inf);
          ++impossible;
        } else {
          CHECK(std::abs(loss + std::log(found->second)) <= 1e-12);
          ++possible;
        }
      }
    }
  CHECK(possible > 1500);
  CHECK(impossible > 3000);
}

TEST_CASE("ctc_loss's gradient is what differences of the enumerated loss say") {
  for (const Labels& target : all_targets(4, 0, 3)) {
    us::Tensor<double> logits = random_tensor({4, 1, 4}, 77, -2, 2);
    if (loss_of(logits, target, 0) == inf) continue;
    us::Tape<double> tape;
    const us::Var<double> x = tape.variable(logits);
    tape.backward(ctc_loss(x, target, {4}, {static_cast<std::int64_t>(target.size())}, {.reduction = Reduction::sum}));
    for (std::int64_t i = 0; i < logits.size(); ++i) {
      const double at = logits[i], step = 1e-4;
      const auto value = [&](double moved) {
        logits[i] = at + moved;
        const double loss = -std::log(enumerated(logits, 0)[target]);
        logits[i] = at;
        return loss;
      };
      const double numeric = (8 * (value(step) - value(-step)) - (value(2 * step) - value(-2 * step))) / (12 * step);
      CHECK(x.grad()[place(i)] == doctest::Approx(numeric).epsilon(1e-9).scale(1));
    }
  }
}

TEST_CASE("ctc_loss of a ragged batch gives each row the bits of its solo run") {
  const Batch batch;
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(batch.logits);
  const us::Var<double> losses = loss_of(tape, x, batch, {.reduction = Reduction::none});
  tape.backward(sum(losses));
  std::size_t from = 0;
  for (std::int64_t b = 0; b < 4; ++b) {
    const std::int64_t T = batch.inputs[place(b)], L = batch.lengths[place(b)];
    us::Tape<double> solo;
    us::Tensor<double> row({T, 1, 5});
    for (std::int64_t i = 0; i < T * 5; ++i) row[i] = batch.logits[(i / 5 * 4 + b) * 5 + i % 5];
    const us::Var<double> own = solo.variable(row);
    const Labels targets(batch.targets.begin() + static_cast<long>(from),
                         batch.targets.begin() + static_cast<long>(from) + L);
    from += place(L);
    const us::Var<double> loss = ctc_loss(own, targets, {T}, {L}, {.reduction = Reduction::none});
    solo.backward(sum(loss));
    CHECK(loss.values()[0] == losses.values()[place(b)]);
    for (std::int64_t i = 0; i < 6 * 5; ++i) {
      const double expected = i < T * 5 ? own.grad()[place(i)] : 0;
      CHECK(x.grad()[place((i / 5 * 4 + b) * 5 + i % 5)] == expected);
    }
  }
}

TEST_CASE("ctc_loss: labels that do not fit cost +inf with gradient 0, or 0 where that is asked for") {
  // Row 0: three labels in two steps. Row 1: a repeated label needs a blank between. Row 2 fits.
  const Labels targets{1, 2, 1, 2, 2, 2, 1}, inputs{2, 2, 4}, lengths{3, 2, 2};
  for (const bool zero_infinity : {false, true}) {
    us::Tape<double> tape;
    const us::Var<double> x = tape.variable(random_tensor({4, 3, 3}, 5));
    const us::Var<double> losses =
        ctc_loss(x, targets, inputs, lengths, {.reduction = Reduction::none, .zero_infinity = zero_infinity});
    CHECK(losses.values()[0] == (zero_infinity ? 0 : inf));
    CHECK(losses.values()[1] == (zero_infinity ? 0 : inf));
    CHECK(std::isfinite(losses.values()[2]));
    tape.backward(sum(losses));
    bool moved = false;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const double g = x.grad()[place(i)];
      if (i / 3 % 3 == 2) moved = moved || g != 0;
      if (i / 3 % 3 != 2) CHECK(g == 0);
    }
    CHECK(moved);
  }
}

TEST_CASE("ctc_loss: logits of -inf forbid a label; a label forbidden at every step costs +inf with gradient 0") {
  us::Tape<double> tape;
  us::Tensor<double> logits = random_tensor({3, 1, 3}, 8);
  for (std::int64_t t = 0; t < 3; ++t) logits[t * 3 + 2] = -inf;
  const us::Var<double> x = tape.variable(logits);
  CHECK(ctc_loss(x, {2}, {3}, {1}).item() == inf);
  const us::Var<double> loss = ctc_loss(x, {1}, {3}, {1});
  CHECK(std::isfinite(loss.item()));
  tape.backward(loss);
  for (const double g : x.grad()) CHECK(std::isfinite(g));
}

TEST_CASE("ctc_loss takes labels in rows of one length too, whatever lies beyond a row's labels") {
  const Batch batch;
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(batch.logits);
  const Labels padded{1, 1, 4, -1, 99, 0, 0, 0, 0, 0, 3, -1, -1, -1, -1, 2, 2, 2, 1, 7};
  CHECK(ctc_loss(x, padded, batch.inputs, batch.lengths).item() == loss_of(tape, x, batch, {}).item());
  const Labels none(4, 0);
  CHECK(ctc_loss(x, padded, batch.inputs, none).item() == ctc_loss(x, us::Ids(), batch.inputs, none).item());
}

TEST_CASE("ctc_loss: sum and mean are PyTorch's, the mean of no rows is 0") {
  const Batch batch;
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(batch.logits);
  const us::Var<double> each = loss_of(tape, x, batch, {.reduction = Reduction::none});
  double total = 0, mean = 0;
  for (std::size_t b = 0; b < 4; ++b) {
    total += each.values()[b];
    mean += each.values()[b] / static_cast<double>(std::max<std::int64_t>(1, batch.lengths[b])) / 4;
  }
  CHECK(close(loss_of(tape, x, batch, {.reduction = Reduction::sum}).item(), total));
  CHECK(close(loss_of(tape, x, batch, {}).item(), mean));
  CHECK(ctc_loss(tape.zeros({3, 0, 2}), us::Ids(), us::Ids(), us::Ids()).item() == 0);
  CHECK(ctc_loss(tape.zeros({0, 1, 2}), us::Ids(), {0}, {0}).item() == 0);
  CHECK(ctc_loss(tape.zeros({0, 1, 2}), {1}, {0}, {1}).item() == inf);
}

TEST_CASE("ctc_loss in float is the double loss of the same logits over a thousand steps") {
  const std::int64_t T = 1000;
  us::Random random(us::Seed{3});
  const us::Tensor<double> logits = random_tensor({T, 1, 12}, random, -4, 4);
  Labels targets;
  for (int i = 0; i < 200; ++i) targets.push_back(1 + random.below(11));
  us::Tape<double> wide;
  us::Tape<float> narrow;
  const us::Var<double> x = wide.variable(logits);
  const us::Var<float> z =
      narrow.variable(logits.shape(), std::vector<float>(logits.values().begin(), logits.values().end()));
  const us::Var<double> loss = ctc_loss(x, targets, {T}, {200});
  const us::Var<float> rounded = ctc_loss(z, targets, {T}, {200});
  CHECK(close(rounded.item(), loss.item(), {0, 1e-7}));
  wide.backward(loss);
  narrow.backward(rounded);
  CHECK(difference(z.grad(), x.grad(), {1e-9, 1e-6}) == "");
}

TEST_CASE("ctc_loss rejects lengths, labels and blanks that do not fit the logits") {
  CHECK(rule_text(error_of({4, 5}, {1}, {4}, {1})).find("logits must be [T,B,C]") != std::string::npos);
  const us::Error outside = error_of({4, 2, 3}, {1, 3}, {4, 4}, {1, 1});
  CHECK(outside.code() == us::ErrorCode::index_out_of_range);
  CHECK(rule_text(outside).find("labels must be in 0..2; targets[1] is 3") != std::string::npos);
  CHECK(error_of({4, 1, 3}, {-1}, {4}, {1}).code() == us::ErrorCode::index_out_of_range);
  CHECK(rule_text(error_of({4, 1, 3}, {0}, {4}, {1})).find("labels must differ from the blank, 0") !=
        std::string::npos);
  CHECK(error_of({4, 1, 3}, {1}, {4}, {1}, {.blank = 3}).code() == us::ErrorCode::index_out_of_range);
  CHECK(error_of({4, 2, 3}, {1}, {4}, {1, 0}).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_of({4, 2, 3}, {1}, {4, 4}, {1}).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_of({4, 2, 3}, {1, 2, 1}, {4, 4}, {1, 1}).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_of({4, 2, 3}, {1, 2}, {4, 4}, {2, 2}).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_of({4, 1, 3}, {1}, {5}, {1}).code() == us::ErrorCode::bad_argument);
  CHECK(error_of({4, 1, 3}, {1}, {-1}, {1}).code() == us::ErrorCode::bad_argument);
  CHECK(error_of({4, 1, 3}, {1}, {4}, {2}).code() == us::ErrorCode::bad_argument);
  CHECK(error_of({4, 2, 3}, {1, 2}, {4, 4}, {-1, 1}).code() == us::ErrorCode::bad_argument);
  CHECK(error_of({4, 1, 3}, {1}, {4}, {std::int64_t{1} << 62}).code() == us::ErrorCode::bad_argument);
}
