// What every op does with shapes: the produced shape is the inferred one, operands that do not fit are rejected before
// anything is recorded, and extents 0 and 1 are as good as any other.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "ops/op_table.hpp"
#include "support/op_case.hpp"
#include "tape/tape_core.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using namespace us::test;
using us::detail::Handle;

namespace {

struct Position {
  std::int64_t nodes, value_bytes;
  std::uint32_t chunk;
  std::uint64_t offset;
  bool operator==(const Position&) const = default;
};

Position position(const us::Tape<double>& tape) {
  const us::Mark mark = tape.mark();
  return {tape.stats().nodes, tape.stats().value_bytes, mark.chunk, mark.offset};
}

us::Shape inferred(us::Tape<double>& tape, const OpCase& c, const std::vector<Handle>& x) {
  std::vector<std::uint32_t> inputs;
  for (const Handle& h : x) inputs.push_back(h.index());
  std::vector<std::int64_t> words = c.sample.words;
  words.insert(words.end(), c.sample.list.begin(), c.sample.list.end());
  words.insert(words.begin(), static_cast<std::int64_t>(words.size()));
  return tape.core()->infer_unrecorded(*c.rule, inputs, words.data() + 1, 0);
}

us::Shape with_extent(const us::Shape& shape, int axis, std::int64_t extent) {
  std::vector<std::int64_t> extents(shape.extents().begin(), shape.extents().end());
  extents[static_cast<std::size_t>(axis)] = extent;
  return us::Shape(std::span<const std::int64_t>(extents));
}

// Each operand with an axis more in front, an axis less, one extent changed.
std::vector<Sample> bent(const Sample& sample) {
  std::vector<Sample> result;
  for (std::size_t i = 0; i < sample.operands.size(); ++i) {
    const us::Shape& shape = sample.operands[i].shape;
    std::vector<us::Shape> others;
    std::vector<std::int64_t> longer{7};
    longer.insert(longer.end(), shape.extents().begin(), shape.extents().end());
    others.push_back(us::Shape(std::span<const std::int64_t>(longer)));
    if (shape.rank() > 0) others.push_back(us::Shape(shape.extents().subspan(1)));
    for (int axis = 0; axis < shape.rank(); ++axis)
      for (const std::int64_t extent : {shape[axis] + 1, std::int64_t{0}, std::int64_t{1}})
        others.push_back(with_extent(shape, axis, extent));
    for (const us::Shape& other : others) {
      if (other == shape) continue;
      result.push_back(sample);
      result.back().operands[i].shape = other;
      result.back().text += fmt::format(" with operand {} {}", i, other.to_string());
    }
  }
  return result;
}

// One extent replaced wherever it occurs.
std::vector<Sample> resized(const Sample& sample) {
  std::set<std::int64_t> extents;
  for (const SampleOperand& operand : sample.operands)
    extents.insert(operand.shape.extents().begin(), operand.shape.extents().end());
  std::vector<Sample> result;
  for (const std::int64_t extent : extents)
    for (const std::int64_t to : {0, 1}) {
      Sample other = sample;
      for (SampleOperand& operand : other.operands)
        for (int axis = 0; axis < operand.shape.rank(); ++axis)
          if (operand.shape[axis] == extent) operand.shape = with_extent(operand.shape, axis, to);
      other.text += fmt::format(" with {} for {}", to, extent);
      if (to != extent) result.push_back(other);
    }
  return result;
}

// A walk from ones gives every operand a gradient of its size, finite where the output is, and confirmed by
// differences.
void check_walk(const OpCase& c) {
  us::Tape<double> tape;
  poison(tape);
  const std::vector<Handle> x = leaves(tape, c);
  const us::Var<double> y = record_case<double>(c, x);
  CHECK(y.shape() == inferred(tape, c, x));
  if (!differentiable(*c.rule) || !tape.core()->node(y.index()).has(us::detail::flag::needs_grad) || !c.finite())
    return;
  walk_back(tape, y, std::vector<double>(c.y.size(), 1.0));
  std::vector<std::vector<double>> numeric;
  for (std::size_t i = 0; i < c.arity(); ++i) {
    if (!c.gradient(i)) continue;
    std::vector<double> sums(c.operands[i].values().size(), 0.0);
    for (const std::vector<double>& row : numeric_jacobian(c, i, 1e-4))
      for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += row[k];
    CHECK(difference(us::Var<double>(x[i]).grad(), sums, {1e-6, 1e-5}) == "");
  }
}

// Empty when the tape is as it was; the call must throw Error.
std::string rejected(const OpCase& c, us::ErrorCode* code) {
  us::ParameterSet<double> params;
  us::Tape<double> tape;
  const us::Var<double> anchor = tape.variable({2}, std::vector<double>{1, 2});
  std::vector<Handle> x;
  for (std::size_t i = 0; i < c.arity(); ++i) {
    auto& p = params.add(std::to_string(i), c.operands[i].shape(), us::ones());
    // The last one's leaf is new to the tape, so it must go again.
    x.push_back(c.arity() > 1 && i + 1 == c.arity() ? static_cast<Handle>(p)
                                                    : static_cast<Handle>(tape.input(c.operands[i])));
  }
  const Position before = position(tape);
  try {
    record_case<double>(c, x);
    return "was not rejected";
  } catch (const us::Error& e) {
    *code = e.code();
    const std::string text = e.what();
    if (e.op() != c.rule->info.name) return "op is " + e.op();
    if (text.find("every_op_shapes.cpp:") == std::string::npos || text.find("operands") == std::string::npos)
      return "where and the operands are missing: " + text;
  }
  if (!(position(tape) == before)) return "the tape is not as it was";
  tape.backward(sum(anchor * 2.0));
  return difference(anchor.grad(), std::vector<double>{2, 2});
}

void check_either_way(const us::OpRule& rule, const Sample& sample, int& rejections, int& acceptances) {
  OpCase c;
  CAPTURE(rule.info.name);
  CAPTURE(sample.text);
  try {
    c = make_case(rule, sample);
  } catch (const us::Error&) {
    c = OpCase{&rule, sample, {}, {}, {}, {}};
    us::Random random = random_of(sample.text);
    for (const SampleOperand& operand : sample.operands)
      c.operands.push_back(random_tensor(operand.shape, random, operand.low, operand.high));
    us::ErrorCode code{};
    CHECK(rejected(c, &code) == "");
    const bool expected = code == us::ErrorCode::shape_mismatch || code == us::ErrorCode::bad_shape ||
                          code == us::ErrorCode::bad_axis || code == us::ErrorCode::bad_argument ||
                          code == us::ErrorCode::index_out_of_range;
    CHECK_MESSAGE(expected, us::error_name(code));
    ++rejections;
    return;
  }
  ++acceptances;
  check_walk(c);
}

}  // namespace

TEST_CASE("every op produces the shape that it infers") {
  for (const us::OpRule* rule : us::detail::op_table())
    for (const OpCase& c : cases_of(*rule)) {
      CAPTURE(c.name());
      us::Tape<double> tape;
      const std::vector<Handle> x = leaves(tape, c);
      const us::Shape shape = inferred(tape, c, x);
      CHECK(shape == c.shape);
      CHECK(static_cast<std::int64_t>(c.y.size()) == shape.size());
    }
}

TEST_CASE("every op rejects operands that do not fit before anything is recorded, or takes them and is right") {
  int rejections = 0, acceptances = 0;
  for (const us::OpRule* rule : us::detail::op_table())
    for (const Sample& sample : parse_samples(rule->info))
      for (const Sample& other : bent(sample)) check_either_way(*rule, other, rejections, acceptances);
  MESSAGE(rejections, " rejected, ", acceptances, " accepted");
  CHECK(rejections > 0);
}

TEST_CASE("every op takes extents 0 and 1, or says why not") {
  int rejections = 0, acceptances = 0;
  for (const us::OpRule* rule : us::detail::op_table())
    for (const Sample& sample : parse_samples(rule->info))
      for (const Sample& other : resized(sample)) check_either_way(*rule, other, rejections, acceptances);
  MESSAGE(rejections, " rejected, ", acceptances, " accepted");
  CHECK(acceptances > 0);
}

TEST_CASE("every op counts its operands") {
  for (const us::OpRule* rule : us::detail::op_table()) {
    CAPTURE(rule->info.name);
    us::Tape<double> tape;
    const us::Var<double> x = tape.variable({2}, std::vector<double>{1, 2});
    const Position before = position(tape);
    const std::vector<Handle> many(7, x);
    const std::vector<Handle> one_less(static_cast<std::size_t>(std::max(0, rule->info.arity - 1)), x);
    const auto attrs = parse_samples(rule->info).front().attrs();
    if (rule->info.arity >= 0) {
      CHECK_THROWS_AS(us::detail::record(*rule, many, attrs, us::Where::current()), us::Error);
      CHECK_THROWS_AS(us::detail::record(*rule, one_less, attrs, us::Where::current()), us::Error);
    }
    CHECK_THROWS_AS(us::detail::record(*rule, std::span<const Handle>(), attrs, us::Where::current()), us::Error);
    CHECK(position(tape) == before);
  }
}
