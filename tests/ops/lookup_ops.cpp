// gather, index_select, embedding: values, repeated ids, errors.
#include <doctest/doctest.h>

#include <cstdint>

#include "support/caught.hpp"
#include "support/uneven.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::error_from;
using us::test::rule_text;
using us::test::uneven_tensor;
using Tensor = us::Tensor<double>;
using Var = us::Var<double>;

TEST_CASE("gather picks along one axis for every position of the index, which may be smaller than x") {
  us::Tape<double> tape;
  const Var x = tape.input({2, 3}, std::vector<double>{0, 1, 2, 10, 11, 12});
  CHECK(gather(x, 1, {2, 0, 1, 1}, {2, 2}).tensor() == Tensor({2, 2}, {2, 0, 11, 11}));
  CHECK(gather(x, 0, {1, 0, 0, 0, 1, 1, 1, 1}, {4, 2}).tensor() == Tensor({4, 2}, {10, 1, 0, 1, 10, 11, 10, 11}));
  CHECK(gather(x, 1, {2, 2}, {1, 2}).tensor() == Tensor({1, 2}, {2, 2}));
  CHECK(gather(x, 0, {}, {0, 3}).shape() == us::Shape{0, 3});
}

TEST_CASE("gather of three axes agrees with its definition") {
  us::Tape<double> tape;
  const Tensor x = uneven_tensor({3, 4, 5});
  const us::Shape shape{2, 4, 3};
  std::vector<std::int32_t> index;
  for (int i = 0; i < 24; ++i) index.push_back(i * 7 % 4);
  const Tensor y = gather(tape.input(x), 1, index, shape).tensor();
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 3; ++k) {
        const int at = (i * 4 + j) * 3 + k;
        CHECK(y[at] == x[(i * 4 + index[static_cast<std::size_t>(at)]) * 5 + k]);
      }
}

TEST_CASE("places that are read several times receive the sum of the gradients") {
  us::test::check_gradients({uneven_tensor({3, 4})}, [](auto&, const auto& v) {
    return gather(v[0], 1, {3, 3, 3, 0, 0, 1}, {2, 3});
  });
  us::test::check_gradients({uneven_tensor({3, 4})}, [](auto&, const auto& v) {
    return index_select(v[0], 1, {2, 2, 0});
  });
  us::test::check_gradients({uneven_tensor({3, 4})}, [](auto&, const auto& v) {
    return index_select(tanh(v[0]), 0, {1, 1, 1, 2});
  });
  us::test::check_gradients({uneven_tensor({3, 4})}, [](auto&, const auto& v) { return embedding(v[0], {2, 0, 2}); });
}

TEST_CASE("an embedding has the shape of its ids and one more axis, for ids of any integer type") {
  us::Tape<double> tape;
  const Var table = tape.input({3, 2}, std::vector<double>{0, 1, 10, 11, 20, 21});
  const std::vector<std::uint8_t> bytes{2, 0};
  const std::vector<std::int64_t> longs{1, 1, 0, 2};
  CHECK(embedding(table, bytes).tensor() == Tensor({2, 2}, {20, 21, 0, 1}));
  CHECK(embedding(table, longs, {2, 2}).tensor() == Tensor({2, 2, 2}, {10, 11, 10, 11, 0, 1, 20, 21}));
  CHECK(embedding(table, {1}, us::Shape{}).tensor() == Tensor({2}, {10, 11}));
  CHECK(embedding(table, us::Ids{}).shape() == us::Shape{0, 2});
  CHECK(index_select(table, 1, {1, 1, 0}).tensor() == Tensor({3, 3}, {1, 1, 0, 11, 11, 10, 21, 21, 20}));
}

TEST_CASE("an embedding parameter used at every step collects its rows in one flush") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {4, 2}, us::ones());
  us::Tape<double> tape;
  Var sum = tape.zeros({3, 2});
  for (int t = 0; t < 5; ++t) {
    const std::vector<std::int32_t> ids{t % 3, 1, t % 3};
    sum += embedding(tape.parameter(w), ids);
  }
  tape.backward(sum, std::vector<double>{1, 10, 100, 1000, 10000, 100000});
  CHECK(tape.stats().deferred_flushes == 1);
  CHECK(tape.stats().deferred_entries == 5);
  // ids[0] and ids[2] run through 0 1 2 0 1, ids[1] is always 1.
  const std::vector<double> expected{
      2 * 10001.0, 2 * 100010.0, 2 * 10001.0 + 500, 2 * 100010.0 + 5000, 10001, 100010, 0, 0};
  CHECK(std::vector<double>(w.grad().begin(), w.grad().end()) == expected);
}

TEST_CASE("an id out of range is named with its position and the extent, and nothing is recorded") {
  us::Tape<double> tape;
  const Var table = tape.zeros({5, 3});
  const auto nodes = tape.stats().nodes, bytes = tape.stats().value_bytes;
  const auto rejects = [&](us::ErrorCode code, auto call, const std::string& text) {
    const us::Error e = error_from(call);
    CHECK(e.code() == code);
    CHECK(rule_text(e) == text);
  };
  using enum us::ErrorCode;
  rejects(
      index_out_of_range,
      [&] {
        embedding(table, {0, 4, 5});
      },
      "embedding: ids must be at least 0 and below the extent 5; the id at position 2 is 5; operands [5,3]");
  rejects(
      index_out_of_range,
      [&] {
        embedding(table, {0, -1}, {1, 2});
      },
      "embedding: ids must be at least 0 and below the extent 5; the id at position 1 is -1; operands [5,3]");
  rejects(
      shape_mismatch,
      [&] {
        embedding(table, {0, 1, 2}, {2, 2});
      },
      "embedding: ids of shape [2,2] are 4 numbers; given 3; operands [5,3]");
  rejects(
      index_out_of_range,
      [&] {
        index_select(table, 1, {0, 3});
      },
      "index_select: ids must be at least 0 and below the extent 3; the id at position 1 is 3; operands [5,3]");
  rejects(
      index_out_of_range,
      [&] {
        gather(table, 0, {0, 7}, {1, 2});
      },
      "gather: ids must be at least 0 and below the extent 5; the id at position 1 is 7; operands [5,3]");
  rejects(
      shape_mismatch,
      [&] {
        gather(table, 0, {0, 1}, {2});
      },
      "gather: the index must have x's rank and, but along axis 0, at most its extents; given [2]; operands [5,3]");
  rejects(
      shape_mismatch,
      [&] {
        gather(table, 0, {0, 1, 0, 1}, {1, 4});
      },
      "gather: the index must have x's rank and, but along axis 0, at most its extents; given [1,4]; operands [5,3]");
  CHECK(tape.stats().nodes == nodes);
  CHECK(tape.stats().value_bytes == bytes);
}
