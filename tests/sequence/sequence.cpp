// Sequence: padded and packed forms, lengths of every kind, losses that respect them.
#include "unspool/sequence.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/allocations.hpp"
#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/clip.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"
#include "unspool/optim.hpp"
#include "unspool/sequence_losses.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;
using Values = std::vector<double>;
using Lengths = std::vector<std::int64_t>;

namespace {

constexpr double absent = std::numeric_limits<double>::quiet_NaN();

Lengths copied(std::span<const std::int64_t> x) { return {x.begin(), x.end()}; }

}  // namespace

TEST_CASE("packing follows PyTorch: time first, longest row first, unsorted lengths welcome") {
  us::Tape<double> tape;
  const us::Var x = tape.input({3, 3, 1}, Values{10, 20, 30, 11, absent, 31, 12, absent, absent});
  const us::Sequence xs(x, {3, 1, 2});
  CHECK(difference(xs.packed().values(), Values{10, 30, 20, 11, 31, 12}) == "");
  CHECK(xs.batch_sizes() == Lengths{3, 2, 1});
  CHECK(copied(xs.sorted_indices()) == Lengths{0, 2, 1});
  CHECK(copied(xs.lengths()) == Lengths{3, 1, 2});
  CHECK(xs.steps() == 3);
  CHECK(xs.batch() == 3);
  CHECK(xs.total() == 6);
  CHECK(difference(xs.padded(-1).values(), Values{10, 20, 30, 11, -1, 31, 12, -1, -1}) == "");
  CHECK(difference(xs.padded().values(), Values{10, 20, 30, 11, 0, 31, 12, 0, 0}) == "");
}

TEST_CASE("packed input comes in as PyTorch's PackedSequence has it, with rows of equal length in any order") {
  us::Tape<double> tape;
  const us::Var data = tape.input({6, 1}, Values{1, 2, 3, 4, 5, 6});
  const us::Sequence xs = us::Sequence<double>::from_packed(data, {3, 2, 1}, {2, 0, 1});
  CHECK(copied(xs.lengths()) == Lengths{2, 1, 3});
  CHECK(difference(xs.padded().values(), Values{2, 3, 1, 5, 0, 4, 0, 0, 6}) == "");
  CHECK(copied(us::Sequence<double>::from_packed(data, {3, 3}, {1, 2, 0}).sorted_indices()) == Lengths{1, 2, 0});
  CHECK(copied(us::Sequence<double>::from_packed(data, {6}).lengths()) == Lengths{1, 1, 1, 1, 1, 1});
  // A row beyond batch_sizes[0] has no steps.
  const us::Sequence more = us::Sequence<double>::from_packed(data, {3, 2, 1}, {3, 0, 1, 2});
  CHECK(copied(more.lengths()) == Lengths{2, 1, 0, 3});
  CHECK(more.batch_sizes() == Lengths{3, 2, 1});
  const us::Sequence none = us::Sequence<double>::from_packed(tape.zeros({0, 4}), {});
  CHECK(none.padded().shape() == us::Shape{0, 0, 4});
}

TEST_CASE("equal lengths share the input's memory") {
  us::Tape<double> tape;
  const us::Var x = tape.input(random_tensor({4, 2, 3}, 1));
  CHECK(us::Sequence(x).packed().values().data() == x.values().data());
  const us::Sequence cut(x, {2, 2});
  CHECK(cut.packed().values().data() == x.values().data());
  CHECK(cut.packed().shape() == us::Shape{4, 3});
  CHECK(cut.steps() == 4);
  CHECK(difference(cut.padded().values().last(12), Values(12, 0.0)) == "");
  CHECK(us::Sequence(x).padded().values().data() == x.values().data());
}

TEST_CASE("sequences of no steps, of no rows and of rows without features") {
  us::Tape<double> tape;
  for (const us::Shape& shape : {us::Shape{0, 3, 2}, us::Shape{5, 0, 2}, us::Shape{0, 0, 2}, us::Shape{4, 3, 0}}) {
    const us::Sequence xs(tape.zeros(shape), Lengths(static_cast<std::size_t>(shape[1]), 0));
    CHECK(xs.total() == 0);
    CHECK(xs.padded().shape() == shape);
    CHECK(xs.batch_sizes().empty());
    CHECK(us::Sequence(tape.zeros(shape)).padded().shape() == shape);
  }
}

TEST_CASE("lengths that cannot be are typed errors, and nothing is recorded") {
  us::Tape<double> tape;
  const us::Var x = tape.zeros({5, 3, 2}), data = tape.zeros({4, 2});
  const std::int64_t nodes = tape.stats().nodes;
  using Packed = us::Sequence<double>;
  UNSPOOL_CHECK_ERROR(us::Sequence(x, {1, 6, 2}), bad_argument, "lengths must be in 0..5; the length of row 1 is 6");
  UNSPOOL_CHECK_ERROR(us::Sequence(x, {1, 2, -1}), bad_argument, "the length of row 2 is -1");
  UNSPOOL_CHECK_ERROR(us::Sequence(x, Lengths{INT64_MIN, INT64_MAX, 0}), bad_argument, "the length of row 0");
  UNSPOOL_CHECK_ERROR(us::Sequence(x, {1, 2}), shape_mismatch, "needs one length for each of 3 rows; given 2");
  UNSPOOL_CHECK_ERROR(us::Sequence(x, Lengths{}), shape_mismatch, "given 0");
  UNSPOOL_CHECK_ERROR(us::Sequence(tape.scalar(1), {1}), shape_mismatch, "x must be [T,B,...]");
  UNSPOOL_CHECK_ERROR(us::Sequence(us::Var<double>(), {1}), stale_handle, "never recorded");
  UNSPOOL_CHECK_ERROR(Packed::from_packed(data, {2, 3}), bad_argument, "not grow");
  UNSPOOL_CHECK_ERROR(Packed::from_packed(data, {2, -1}), bad_argument, "that of step 1 is -1");
  UNSPOOL_CHECK_ERROR(Packed::from_packed(data, {2, 1}), shape_mismatch,
                      "as many rows as the lengths have steps in all, 3");
  UNSPOOL_CHECK_ERROR(Packed::from_packed(data, {INT64_MAX}), shape_mismatch, "batch_sizes must add up");
  UNSPOOL_CHECK_ERROR(Packed::from_packed(data, {2, 2}, {0, 2}), index_out_of_range, "entry 1 is 2");
  UNSPOOL_CHECK_ERROR(Packed::from_packed(data, {2, 2}, {1, 1}), index_out_of_range, "name each of 2 rows once");
  UNSPOOL_CHECK_ERROR(Packed::from_packed(data, {2, 2}, {0}), bad_argument, "at most the number of rows, 1");
  UNSPOOL_CHECK_ERROR(Packed::from_lengths(data, 1, {2, 2}), bad_argument, "lengths must be in 0..1");
  UNSPOOL_CHECK_ERROR(Packed::from_lengths(data, INT64_MAX, {2, 2}), bad_shape, "");
  UNSPOOL_CHECK_ERROR(us::Sequence(x, {1, 2, 3}).with(data), shape_mismatch,
                      "needs a row for each of its 6 steps; given [4,2]");
  UNSPOOL_CHECK_ERROR(concat(us::Sequence(x, {1, 2, 3}), us::Sequence(x, {1, 3, 2})), shape_mismatch, "same lengths");
  UNSPOOL_CHECK_ERROR(us::Sequence(x, {1, 2, 3}).pack({1, 2}), shape_mismatch, "[5,3]; given 2");
  CHECK(tape.stats().nodes == nodes + 5);  // the operands and valid sequences made on those lines
  const us::Sequence stale(x);
  tape.reset();
  UNSPOOL_CHECK_ERROR(stale.steps(), stale_handle, "earlier recording");
  UNSPOOL_CHECK_ERROR(stale.padded(), stale_handle, "earlier recording");
  UNSPOOL_CHECK_ERROR(us::Sequence<double>().lengths(), stale_handle, "never recorded");
}

TEST_CASE("the packing ops refuse a layout that is none") {
  us::Tape<double> tape;
  const us::Var x = tape.ones({3, 2, 1}), data = tape.ones({3, 1});
  UNSPOOL_CHECK_ERROR(us::pack_padded_sequence(x, 2, {1, 2, 1, 0}), bad_argument, "x's first extent, 3; given 2");
  UNSPOOL_CHECK_ERROR(us::pack_padded_sequence(x, 3, {1, 2, 0, 1}), bad_argument, "row 1 comes after row 0");
  UNSPOOL_CHECK_ERROR(us::pack_padded_sequence(x, 3, {1, 2, 1, 1}), index_out_of_range, "each of 2 rows once");
  UNSPOOL_CHECK_ERROR(us::pack_padded_sequence(x, 3, {1, 2, 1, -1}), index_out_of_range, "its entry 1 is -1");
  UNSPOOL_CHECK_ERROR(us::pack_padded_sequence(x, 3, {1, 2, 1}), shape_mismatch, "one length for each of 2 rows");
  UNSPOOL_CHECK_ERROR(us::pad_packed_sequence(data, 0, 3, {1, 1, 0, 1}), shape_mismatch, "have steps in all, 2");
  UNSPOOL_CHECK_ERROR(us::pad_packed_sequence(data, 0, -1, {1, 2, 1, 0}), bad_argument, "steps must not be negative");
  UNSPOOL_CHECK_ERROR(us::packed_sequence(data, 1, {1, 2, 1, 0}), bad_argument, "lengths must be in 0..1");
  UNSPOOL_CHECK_ERROR(us::block({data, x}, 2), shape_mismatch, "operands must be matrices; number 1 is [3,2,1]");
  UNSPOOL_CHECK_ERROR(us::block({data, data, data}, 2), bad_argument, "divide the number of operands, 3; given 2");
}

TEST_CASE("layers and functions over a sequence see only the steps that exist") {
  us::ParameterSet<double> params(us::Seed{1});
  const us::Linear head(params, "head", {.input = 2, .output = 3});
  const us::Embedding table(params, "table", {.count = 4, .width = 2});
  us::Tape<double> tape;
  const us::Sequence xs(tape.input(random_tensor({4, 3, 2}, 1)), {0, 4, 2});
  CHECK(head(xs).packed().shape() == us::Shape{6, 3});
  CHECK(difference(head(xs).packed().values(), head(xs.packed()).values(), us::test::exact) == "");
  CHECK(concat(xs, head(xs)).padded().shape() == us::Shape{4, 3, 5});
  const us::Sequence squares = xs.map([](const us::Var<double>& v) { return square(v); });
  CHECK(difference(squares.padded().values(), square(xs.padded()).values(), us::test::exact) == "");
  // Ids in the padding are not looked at.
  const us::Sequence rows = table.sequence(tape, {0, 3, 99, -5, 2, -1}, {1, 2, 0});
  CHECK(rows.steps() == 2);
  CHECK(difference(rows.packed().values(), table(tape, {0, 3, 2}).values()) != "");
  CHECK(difference(rows.packed().values(), table(tape, {3, 0, 2}).values(), us::test::exact) == "");
  UNSPOOL_CHECK_ERROR(table.sequence(tape, {0, 3, 4, 1}, {2, 2}), index_out_of_range, "4");
  UNSPOOL_CHECK_ERROR(table.sequence(tape, {0, 3, 1}, {1, 1}), shape_mismatch, "[1,2]; given 3");
  UNSPOOL_CHECK_ERROR(table.sequence(tape, {0, 3}, {1, 2}), bad_argument, "lengths must be in 0..1");
}

TEST_CASE("cross-entropy over a sequence is that of its steps, whatever the padding holds") {
  us::Tape<double> tape;
  const us::Tensor<double> logits = random_tensor({3, 2, 4}, 1);
  const Lengths targets{1, 0, 3, 99, 2, -7};  // [3,2]; row 1 has one step
  const us::Var x = tape.variable(logits);
  const us::Var loss = cross_entropy(us::Sequence(x, {3, 1}), targets);
  const us::Var expected = cross_entropy(reshape(x, {6, 4}), Lengths{1, 0, 3, -100, 2, -100});
  CHECK(us::test::close(loss.item(), expected.item()));
  CHECK(us::Sequence(x, {3, 1}).pack(targets) == Lengths{1, 0, 3, 2});
  tape.backward(loss);
  for (const std::int64_t padding : {3, 5})
    for (std::int64_t k = 0; k < 4; ++k) CHECK(x.grad()[static_cast<std::size_t>(padding * 4 + k)] == 0);
  CHECK(cross_entropy(us::Sequence(x, {0, 0}), targets).item() == 0);
  UNSPOOL_CHECK_ERROR(cross_entropy(us::Sequence(x, {3, 1}), Lengths{1, 2}), shape_mismatch, "[3,2]; given 2");
  UNSPOOL_CHECK_ERROR(cross_entropy(us::Sequence(x, {3, 2}), targets), index_out_of_range, "99");
}

TEST_CASE("losses of two sequences are over the steps that exist, and 0 where none does") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2, 2, 1}, Values{1, 2, absent, 4}), y = tape.input({2, 2, 1}, Values{0, 1, 5, 1});
  const us::Sequence xs(x, {1, 2}), ys(y, {1, 2});
  const us::Var squares = mse(xs, ys);
  CHECK(us::test::close(squares.item(), (1.0 + 1 + 9) / 3));
  const auto entropy = [](double logit, double target) { return std::log1p(std::exp(logit)) - target * logit; };
  CHECK(us::test::close(binary_cross_entropy_with_logits(xs, ys, us::Reduction::sum).item(),
                        entropy(1, 0) + entropy(2, 1) + entropy(4, 1)));
  tape.backward(squares);
  CHECK(difference(x.grad(), Values{2.0 / 3, 2.0 / 3, 0, 2}) == "");
  const us::Sequence none(x, {0, 0});
  CHECK(mse(none, none).item() == 0);
  CHECK(binary_cross_entropy_with_logits(none, none).item() == 0);
  UNSPOOL_CHECK_ERROR(mse(xs, us::Sequence(y, {2, 1})), shape_mismatch,
                      "mse: both sequences must have the same lengths");
  UNSPOOL_CHECK_ERROR(binary_cross_entropy_with_logits(xs, us::Sequence(y)), shape_mismatch, "given [1,2] and [2,2]");
}

TEST_CASE("a warm training step over ragged batches of changing lengths allocates nothing") {
  constexpr std::int64_t T = 9, B = 5;
  us::ParameterSet<> params(us::Seed{1});
  const us::Embedding embedding(params, "embedding", {.count = 11, .width = 4});
  const us::LSTM lstm(params, "lstm",
                      {.input = 4,
                       .hidden = 6,
                       .layers = 2,
                       .bidirectional = true,
                       .residual = true,
                       .dropout = 0.1,
                       .variational = true,
                       .recurrent_dropout = 0.1,
                       .zoneout = 0.1,
                       .zoneout_cell = 0.1});
  const us::Linear head(params, "head", {.input = 12, .output = 11});
  us::Adam adam(params, {.lr = 0.01});
  Lengths ids, targets, lengths(B);
  for (std::int64_t i = 0; i < T * B; ++i) ids.push_back(i * 7 % 11), targets.push_back(i * 5 % 11);
  us::Tape tape;
  const auto step = [&](std::int64_t round) {
    for (std::int64_t b = 0; b < B; ++b) lengths[static_cast<std::size_t>(b)] = (round * 3 + b * b * 5) % (T + 1);
    tape.reset();
    params.zero_grad();
    const us::Var loss = cross_entropy(head(lstm(embedding.sequence(tape, ids, lengths)).outputs), targets);
    tape.backward(loss);
    us::clip_grad_norm(params, 1);
    adam.step();
    return loss.item();
  };
  for (std::int64_t round = 0; round < 20; ++round) step(round);
  const std::int64_t before = us::test::allocation_count();
  float loss = 0;
  for (std::int64_t round = 0; round < 40; ++round) loss = step(round);
  CHECK(us::test::allocation_count() - before == 0);
  CHECK(std::isfinite(loss));
}
