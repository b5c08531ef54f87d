// Recording, marks and rewinding.
#include <doctest/doctest.h>

#include <vector>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "tape/tape_core.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::difference;
using Values = std::vector<double>;

TEST_CASE("values are what was given, leaves copy") {
  us::Tape<double> tape;
  Values numbers{1, 2, 3, 4, 5, 6};
  const us::Var x = tape.input({2, 3}, numbers);
  numbers[0] = 9;
  CHECK(difference(x.values(), Values{1, 2, 3, 4, 5, 6}) == "");
  CHECK(x.shape() == us::Shape{2, 3});
  CHECK(tape.scalar(2.5).item() == 2.5);
  CHECK(difference(tape.zeros({2}).values(), Values{0, 0}) == "");
  CHECK(difference(tape.full({2}, -3).values(), Values{-3, -3}) == "");
  CHECK(tape.zeros({0}).values().empty());
  UNSPOOL_CHECK_ERROR(x.item(), not_scalar, "item: one element is needed; shape is [2,3]");
  UNSPOOL_CHECK_ERROR(tape.input({2, 2}, numbers), shape_mismatch, "input: shape [2,2] holds 4 values; given 6");
  // A leaf may be copied from the tape's own memory.
  CHECK(difference(tape.input({6}, x.values()).values(), x.values()) == "");
}

TEST_CASE("a rejected op leaves nodes, memory and leaves as they were, and the tape goes on") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {4, 2}, us::ones());
  us::Tape<double> tape;
  const us::Var x = tape.variable({1, 3}, Values{1, 2, 3});
  const us::Mark before = tape.mark();
  const us::TapeStats stats = tape.stats();
  UNSPOOL_CHECK_ERROR(matmul(x, w), shape_mismatch, "operands [1,3], [4,2]");
  CHECK(tape.stats().nodes == stats.nodes);
  CHECK(tape.stats().value_bytes == stats.value_bytes);
  CHECK(tape.mark().offset == before.offset);
  const us::Var y = us::concat({x, tape.ones({1, 1})}, 1);
  tape.backward(sum(matmul(y, w)));
  CHECK(difference(x.grad(), Values{2, 2, 2}) == "");
  CHECK(difference(w.grad(), Values{1, 1, 2, 2, 3, 3, 1, 1}) == "");
}

TEST_CASE("a size that overflows, or that no memory holds, is a typed error and the tape goes on") {
  us::Tape<float> tape;
  const us::Var column = tape.zeros({1 << 24, 1}), row = tape.zeros({1, 1 << 24});
  const std::int64_t nodes = tape.stats().nodes, bytes = tape.stats().value_bytes;
  // More than any address space holds; 2^60 elements are not even a shape.
  UNSPOOL_CHECK_ERROR(tape.zeros({std::int64_t{1} << 55}), out_of_memory,
                      "constant: memory for [36028797018963968] could not be had");
  UNSPOOL_CHECK_ERROR(column + row, out_of_memory, "add: memory for the result could not be had");
  UNSPOOL_CHECK_ERROR(tape.zeros({1 << 20, 1 << 20, 1 << 20}), bad_shape, "element count");
  CHECK(tape.stats().nodes == nodes);
  CHECK(tape.stats().value_bytes == bytes);
  CHECK(sum(column).item() == 0);
}

TEST_CASE("rewind forgets what came after the mark: values, leaves, labels, kept gradients") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {3, 3}, us::xavier_uniform());
  auto& late = params.add("late", {3}, us::constant(0.5));
  us::Tape<double> tape;
  const us::Var x = tape.variable(us::test::random_tensor({2, 3}, 1));
  const us::Var h = tanh(matmul(x, w));
  const us::Mark mark = tape.mark();
  const us::TapeStats before = tape.stats();
  Values losses, gradients;
  for (int round = 0; round < 3; ++round) {
    const auto scope = tape.scope("head");
    const auto step = tape.step(round);
    const us::Var y = h * late, z = y * 2.0;
    tape.keep_grad(z);
    const us::Var extra = tape.variable({2, 3}, Values(6, 1.0));
    const us::Var loss = sum(z * z + extra);
    losses.push_back(loss.item());
    tape.rewind(mark);
    CHECK(tape.stats().nodes == before.nodes);
    CHECK(tape.stats().value_bytes == before.value_bytes);
  }
  CHECK(losses[0] == losses[1]);
  CHECK(losses[0] == losses[2]);
  // The parameter's leaf is made anew, so a change of the parameter in between is seen.
  late.mutable_values()[0] = 7;
  const us::Var loss = sum(h * late);
  tape.backward(loss);
  CHECK(difference(x.grad(), Values(6, 0.0)) != "");
  CHECK(difference(late.grad(), Values{h.values()[0] + h.values()[3], h.values()[1] + h.values()[4],
                                       h.values()[2] + h.values()[5]}) == "");
}

TEST_CASE("after a rewind what was walked and cut off may be walked again") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::constant(3));
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{1, 2});
  const us::Mark mark = tape.mark();
  for (int round = 1; round <= 4; ++round) {
    const us::Var y = x * w;
    const us::Var v = reshape(y, std::vector<std::int64_t>{2, 1});
    tape.keep_grad(y);
    tape.keep_grad(v);
    tape.keep_grad(tape.parameter(w));
    tape.backward(sum(v * v));
    CHECK(difference(y.grad(), Values{6, 12}) == "");
    CHECK(difference(w.grad(), Values{6.0 * round, 24.0 * round}) == "");
    CHECK(difference(x.grad(), Values{18.0 * round, 36.0 * round}) == "");
    tape.rewind(mark);
    // Were a kept gradient given back twice, or a parameter's at all, these would share memory.
    const us::Var a = tape.variable({2}, Values{0, 0}), b = tape.variable({2}, Values{0, 0});
    tape.backward(sum(a * 2.0) + sum(b * 5.0));
    CHECK(difference(a.grad(), Values{2, 2}) == "");
    CHECK(difference(b.grad(), Values{5, 5}) == "");
    CHECK(difference(w.grad(), Values{6.0 * round, 24.0 * round}) == "");
    tape.rewind(mark);
  }
}

TEST_CASE("a mark of another tape, an earlier recording or a forgotten future is refused") {
  us::Tape<double> tape, other;
  const us::Var x = tape.ones({2});
  const us::Mark first = tape.mark();
  (void)(x * 2.0);
  const us::Mark second = tape.mark();
  UNSPOOL_CHECK_ERROR(other.rewind(first), wrong_tape, "rewind: the mark must be of this tape; it is of another");
  UNSPOOL_CHECK_ERROR(tape.rewind(us::Mark{}), wrong_tape, "it is of none");
  tape.rewind(first);
  UNSPOOL_CHECK_ERROR(tape.rewind(second), stale_handle,
                      "rewind: the mark must be of this recording; it has 2 nodes, the tape 1");
  (void)(x * 3.0);
  UNSPOOL_CHECK_ERROR(tape.rewind(second), stale_handle, "the mark must be of this recording");
  tape.rewind(first);
  tape.reset();
  UNSPOOL_CHECK_ERROR(tape.rewind(first), stale_handle, "the mark must be of this recording");
  const us::Mark empty = tape.mark();
  tape.reset();
  UNSPOOL_CHECK_ERROR(tape.rewind(empty), stale_handle, "the mark must be of this recording");
}

TEST_CASE("values beyond a mark are overwritten only after the rewind") {
  us::Tape<double> tape;
  const us::Var x = tape.ones({3});
  const us::Mark mark = tape.mark();
  std::vector<us::Var<double>> kept;
  for (int i = 0; i < 5000; ++i) kept.push_back(x * static_cast<double>(i));
  for (int i = 0; i < 5000; ++i) REQUIRE(kept[static_cast<std::size_t>(i)].values()[2] == i);
  tape.rewind(mark);
  CHECK(difference(x.values(), Values{1, 1, 1}) == "");
}

TEST_CASE("an op records as many operands as it is given, in line or in a list") {
  us::Tape<double> tape;
  std::vector<us::Var<double>> parts;
  for (int i = 0; i < 40; ++i) parts.push_back(tape.variable({1}, Values{static_cast<double>(i)}));
  const us::Var all = us::concat(parts, 0);
  CHECK(all.size() == 40);
  Values seed(40);
  for (int i = 0; i < 40; ++i) seed[static_cast<std::size_t>(i)] = 100 + i;
  tape.backward(all, seed);
  for (int i = 0; i < 40; ++i) CHECK(parts[static_cast<std::size_t>(i)].grad()[0] == 100 + i);
  UNSPOOL_CHECK_ERROR(us::concat(std::vector<us::Var<double>>{}, 0), bad_argument,
                      "concat: needs at least one operand; given none");
}

TEST_CASE("stats count from the last reset") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({8}, Values(8, 1.0));
  tape.backward(sum(tanh(x)));
  CHECK(tape.stats().nodes == 3);
  CHECK(tape.stats().backward_visits == 3);
  CHECK(tape.stats().gradient_bytes_peak > 0);
  CHECK(tape.stats().value_bytes > 0);
  tape.reset();
  CHECK(tape.stats().nodes == 0);
  CHECK(tape.stats().backward_visits == 0);
  CHECK(tape.stats().gradient_bytes_peak == 0);
  CHECK(tape.stats().value_bytes == 0);
  CHECK(tape.stats().reserved_bytes > 0);
}
