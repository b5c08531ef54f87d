// concat, stack, slice, select, split, reshape, transpose, permute: values, views and errors.
#include <doctest/doctest.h>

#include <numeric>

#include "support/caught.hpp"
#include "support/uneven.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::concat;  // a braced list does not lead to its namespace
using us::stack;
using us::test::error_from;
using us::test::rule_text;
using us::test::uneven_tensor;
using Tensor = us::Tensor<double>;
using Var = us::Var<double>;

namespace {

Tensor counting(const us::Shape& shape) {
  std::vector<double> values(static_cast<std::size_t>(shape.size()));
  std::iota(values.begin(), values.end(), 0.0);
  return Tensor(shape, values);
}

// Both handles look at one memory.
bool inside(const Var& part, const Var& whole) {
  return part.values().data() >= whole.values().data() &&
         part.values().data() + part.size() <= whole.values().data() + whole.size();
}

}  // namespace

TEST_CASE("concat and stack put their operands one behind the other along any axis") {
  us::Tape<double> tape;
  const Var a = tape.input(counting({2, 2})), b = tape.input({2, 1}, std::vector<double>{10, 11});
  CHECK(concat({a, b}, 1).tensor() == Tensor({2, 3}, {0, 1, 10, 2, 3, 11}));
  CHECK(concat({a, transpose(b)}, -2).tensor() == Tensor({3, 2}, {0, 1, 2, 3, 10, 11}));
  CHECK(stack({a, a}).tensor() == Tensor({2, 2, 2}, {0, 1, 2, 3, 0, 1, 2, 3}));
  CHECK(stack({a, a}, 1).tensor() == Tensor({2, 2, 2}, {0, 1, 0, 1, 2, 3, 2, 3}));
  CHECK(stack({a, a}, -1).tensor() == Tensor({2, 2, 2}, {0, 0, 1, 1, 2, 2, 3, 3}));
  CHECK(concat({tape.zeros({2, 0}), b, tape.zeros({2, 0})}, 1).tensor() == b.tensor());
  CHECK(concat({tape.zeros({0, 3}), tape.zeros({0, 2})}, 1).shape() == us::Shape{0, 5});
}

TEST_CASE("a stack of thousands of steps is linear in its size, and its gradient comes back to every step") {
  constexpr int steps = 4000;
  us::Tape<double> tape;
  std::vector<Var> hs;
  for (int t = 0; t < steps; ++t) hs.push_back(tape.variable({2, 3}, std::vector<double>{1.0 * t, 1, 2, 3, 4, 5}));
  const Var y = stack(hs), joined = concat(hs, 1);
  CHECK(y.shape() == us::Shape{steps, 2, 3});
  CHECK(y.values()[6 * 1234] == 1234);
  CHECK(joined.shape() == us::Shape{2, 3 * steps});
  CHECK(joined.values()[3 * 777] == 777);
  CHECK(tape.stats().nodes == steps + 2);
  // Operand lists, values and nothing quadratic: 6 numbers a step in the leaf and in either result.
  CHECK(tape.stats().value_bytes < steps * (3 * 6 * 8 + 128));
  std::vector<double> seed(static_cast<std::size_t>(y.size()));
  std::iota(seed.begin(), seed.end(), 0.0);
  tape.backward(y, seed);
  tape.backward(joined, seed);
  for (const int t : {0, 1, 1999, steps - 1}) {
    CHECK(hs[t].grad()[0] == 6.0 * t + 3.0 * t);
    CHECK(hs[t].grad()[5] == 6.0 * t + 5 + 3.0 * (steps + t) + 2);
  }
}

TEST_CASE("an operand that is stacked twice gets both parts of the gradient") {
  us::test::check_gradients({uneven_tensor({2, 3})}, [](auto&, const auto& v) { return stack({v[0], v[0]}, 1); });
  us::test::check_gradients({uneven_tensor({2, 3})}, [](auto&, const auto& v) {
    return concat({v[0], tanh(v[0]), v[0]}, 1);
  });
}

TEST_CASE("a slice or selection that is contiguous is a view, another one a copy, and both have the same values") {
  us::Tape<double> tape;
  const Var x = tape.input(counting({4, 3}));
  const Var rows = slice(x, 0, 1, 3), columns = slice(x, 1, 1, 3);
  CHECK(rows.tensor() == Tensor({2, 3}, {3, 4, 5, 6, 7, 8}));
  CHECK(columns.tensor() == Tensor({4, 2}, {1, 2, 4, 5, 7, 8, 10, 11}));
  CHECK(inside(rows, x));
  CHECK_FALSE(inside(columns, x));
  CHECK(inside(select(x, 0, -1), x));
  CHECK(select(x, 0, -1).tensor() == Tensor({3}, {9, 10, 11}));
  CHECK(select(x, 1, 2).tensor() == Tensor({4}, {2, 5, 8, 11}));
  CHECK(inside(slice(reshape(x, {1, 4, 3}), 1, 2, 4), x));
  CHECK(inside(slice(x, 1, 0), x));  // all of it
  CHECK(slice(x, -1, -2).tensor() == columns.tensor());
  CHECK(slice(x, 0, 2, 2).shape() == us::Shape{0, 3});
  const auto before = tape.stats().value_bytes;
  const Var again = slice(x, 0, 0, 4);
  CHECK(tape.stats().value_bytes - before <= 64);  // attributes, no values
  CHECK(again.tensor() == x.tensor());
}

TEST_CASE("split cuts by size, chunk by number, split_with_sizes into given parts") {
  us::Tape<double> tape;
  const Var x = tape.input(counting({2, 6}));
  const std::vector<Var> parts = split(x, 2, 1);
  REQUIRE(parts.size() == 3);
  const std::vector<Var> chunks = chunk(x, 3, 1);
  REQUIRE(chunks.size() == 3);
  CHECK(chunks[2].tensor() == parts[2].tensor());
  const std::vector<Var> left_over = split(x, 4, 1);
  REQUIRE(left_over.size() == 2);
  CHECK(left_over[1].shape() == us::Shape{2, 2});
  CHECK(chunk(x, 4, 1).size() == 3);
  CHECK(parts[1].tensor() == Tensor({2, 2}, {2, 3, 8, 9}));
  CHECK(concat(parts, 1).tensor() == x.tensor());
  const std::vector<Var> uneven = split_with_sizes(x, {1, 0, 5}, -1);
  REQUIRE(uneven.size() == 3);
  CHECK(uneven[1].shape() == us::Shape{2, 0});
  CHECK(concat(uneven, 1).tensor() == x.tensor());
  CHECK(inside(split(x, 1)[1], x));
  CHECK(split_with_sizes(x, {2})[0].tensor() == x.tensor());
}

TEST_CASE("reshape keeps the order of the values and finds one extent") {
  us::Tape<double> tape;
  const Var x = tape.input(counting({2, 6}));
  const std::int64_t rows = 3;
  CHECK(reshape(x, {rows, -1}).shape() == us::Shape{3, 4});
  CHECK(reshape(x, {-1}).tensor() == counting({12}));
  CHECK(reshape(x, us::Shape{4, 3}).tensor() == counting({4, 3}));
  CHECK(reshape(tape.scalar(3), {1, 1}).shape() == us::Shape{1, 1});
  CHECK(reshape(reshape(tape.scalar(3), {1, 1}), {}).shape() == us::Shape{});
  CHECK(reshape(tape.zeros({0, 4}), {2, -1, 3}).shape() == us::Shape{2, 0, 3});
  CHECK(inside(reshape(x, {12}), x));
}

TEST_CASE("transpose and permute move axes; where no value moves they are views") {
  us::Tape<double> tape;
  const Var x = tape.input(counting({2, 3, 4}));
  const Var y = permute(x, {2, 0, 1});
  CHECK(y.shape() == us::Shape{4, 2, 3});
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) CHECK(y.values()[(k * 2 + i) * 3 + j] == x.values()[(i * 3 + j) * 4 + k]);
  CHECK(permute(y, {1, 2, 0}).tensor() == x.tensor());
  CHECK(transpose(transpose(x, 0, 2), 0, -1).tensor() == x.tensor());
  CHECK(transpose(x).tensor() == permute(x, {0, 2, 1}).tensor());
  const Var column = tape.input(counting({5, 1}));
  CHECK(inside(transpose(column), column));
  CHECK_FALSE(inside(transpose(x), x));
  CHECK(permute(tape.zeros({0, 3, 2}), {2, 0, 1}).shape() == us::Shape{2, 0, 3});
}

TEST_CASE("a transposition of any size agrees with the plain loop") {
  us::Tape<double> tape;
  for (const auto& [m, n] : {std::pair{1, 40}, {16, 16}, {17, 15}, {33, 50}, {2, 70}}) {
    const Tensor x = counting({m, 3, n});
    const Tensor y = transpose(tape.input(x), 0, 2).tensor();
    bool same = true;
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < 3; ++j)
        for (int k = 0; k < n; ++k) same = same && y[(k * 3 + j) * m + i] == x[(i * 3 + j) * n + k];
    CHECK(same);
  }
}

TEST_CASE("ops that move values name what does not fit, and record nothing") {
  us::Tape<double> tape;
  const Var x = tape.zeros({3, 4}), v = tape.zeros({3});
  using enum us::ErrorCode;
  const auto rejects = [&](us::ErrorCode code, auto call, const std::string& text) {
    const us::Error e = error_from(call);
    CHECK(e.code() == code);
    CHECK(rule_text(e) == text);
  };
  rejects(
      shape_mismatch,
      [&] {
        concat({x, v});
      },
      "concat: operands must agree on every axis but 0; the first is [3,4] and number 1 is [3]; operands [3,4], [3]");
  rejects(
      bad_axis,
      [&] {
        concat({x, x}, 2);
      },
      "concat: axis must be in -2..1; given 2; operands [3,4], [3,4]");
  rejects(
      bad_argument, [&] { stack(std::vector<Var>{}); }, "stack: needs at least one operand; given none (E004)");
  rejects(
      shape_mismatch,
      [&] {
        stack({v, v, v, v, v, v, v, v, x});
      },
      "stack: operands must have one shape; the first is [3] and number 8 is [3,4]; operands [3], [3], [3], [3], [3], "
      "[3], [3], [3], ... (9 in all)");
  rejects(
      bad_axis,
      [&] {
        stack({v, v}, 2);
      },
      "stack: axis must be in -2..1; given 2; operands [3], [3]");
  rejects(
      index_out_of_range, [&] { slice(x, 1, 2, 5); },
      "slice: begin and end must be in order and within the extent 4 of axis 1; given 2 and 5; operands [3,4]");
  rejects(
      index_out_of_range, [&] { slice(x, 0, 2, 1); },
      "slice: begin and end must be in order and within the extent 3 of axis 0; given 2 and 1; operands [3,4]");
  rejects(
      bad_axis, [&] { slice(x, -3, 0, 1); }, "slice: axis must be in -2..1; given -3; operands [3,4]");
  rejects(
      index_out_of_range, [&] { select(x, 1, -5); },
      "select: index must be within the extent 4 of axis 1; given -5; operands [3,4]");
  rejects(
      bad_argument, [&] { split(x, 0, 1); }, "split: split_size must be at least 1; given 0 (E004)");
  rejects(
      bad_argument, [&] { chunk(x, 0, 1); }, "chunk: chunks must be at least 1; given 0 (E004)");
  rejects(
      bad_argument,
      [&] {
        split_with_sizes(x, {1, 2}, 1);
      },
      "split_with_sizes: sizes must add up to the extent 4 of axis 1; the sum is 3 (E004)");
  rejects(
      bad_argument,
      [&] {
        split_with_sizes(x, {3, -1, 2}, 1);
      },
      "split_with_sizes: sizes must be at least 0 and add up to the extent 4 of axis 1; number 1 is -1, after 3 "
      "(E004)");
  rejects(
      shape_mismatch,
      [&] {
        reshape(x, {5, -1});
      },
      "reshape: the other extents must divide the element count 12, and not be 0, to tell what -1 is; given [5,-1]; "
      "operands [3,4]");
  rejects(
      shape_mismatch,
      [&] {
        reshape(x, {3, 5});
      },
      "reshape: the element count 12 must stay; given [3,5]; operands [3,4]");
  rejects(
      shape_mismatch,
      [&] {
        reshape(x, {INT64_MAX, INT64_MAX, 4});
      },
      "reshape: the element count 12 must stay; given [9223372036854775807,9223372036854775807,4]; operands [3,4]");
  rejects(
      bad_shape,
      [&] {
        reshape(x, {-1, -1});
      },
      "reshape: extents must not be negative, but for one -1; given [-1,-1]; operands [3,4]");
  rejects(
      bad_axis,
      [&] {
        permute(x, {0, 0});
      },
      "permute: every axis must be named once; given [0,0]; operands [3,4]");
  rejects(
      bad_axis,
      [&] {
        permute(x, {0, 2});
      },
      "permute: axes must be in -2..1; given [0,2]; operands [3,4]");
  rejects(
      bad_axis, [&] { permute(x, {0}); }, "permute: every axis must be named once; given [0]; operands [3,4]");
  rejects(
      bad_axis, [&] { transpose(v); }, "transpose: axis must be in -1..0; given -2; operands [3]");
  CHECK(tape.stats().nodes == 2);
}
