#include "support/op_case.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "ops/op_table.hpp"
#include "unspool/ops.hpp"

namespace unspool::test {

bool OpCase::finite() const {
  return std::all_of(y.begin(), y.end(), [](double v) { return std::isfinite(v); });
}

OpCase make_case(const OpRule& rule, const Sample& sample) {
  OpCase c{&rule, sample, {}, {}, {}, {}};
  Random random = random_of(c.name());
  for (const SampleOperand& operand : sample.operands)
    c.operands.push_back(random_tensor(operand.shape, random, operand.low, operand.high));
  Tape<double> tape;
  const Var<double> y = record_case<double>(c, leaves(tape, c));
  c.shape = y.shape();
  c.y = doubles(y.values());
  c.dy = doubles(random_tensor(c.shape, random).values());
  return c;
}

std::vector<OpCase> cases_of(const OpRule& rule) {
  std::vector<OpCase> cases;
  for (const Sample& sample : parse_samples(rule.info)) cases.push_back(make_case(rule, sample));
  if (cases.empty()) throw std::invalid_argument(fmt::format("{} has no samples", rule.info.name));
  return cases;
}

std::vector<OpCase> differentiable_cases() {
  std::vector<OpCase> cases;
  for (const OpRule* rule : detail::op_table()) {
    if (!differentiable(*rule)) continue;
    for (OpCase& c : cases_of(*rule))
      if (std::any_of(c.sample.operands.begin(), c.sample.operands.end(), [](const auto& o) { return o.gradient; }))
        cases.push_back(std::move(c));
  }
  return cases;
}

namespace {

template <class T>
T every_nan() {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if constexpr (RealScalar<T>)
    return static_cast<T>(nan);
  else
    return T(nan, nan);
}

}  // namespace

template <class T>
void poison(Tape<T>& tape) {
  const std::vector<T> nan(8192, every_nan<T>());
  const Shape shape{8192};
  const Var<T> x = tape.variable(shape, nan);
  tape.backward(neg(x), nan);
  tape.reset();
}
template void poison(Tape<float>& tape);
template void poison(Tape<double>& tape);
template void poison(Tape<Dual<double>>& tape);

std::string difference(const Gradients& given, const Gradients& expected, Tolerance t) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string text = difference(given[i], expected[i], t);
    if (!text.empty()) return fmt::format("operand {} {}", i, text);
  }
  return "";
}

std::vector<std::vector<double>> numeric_jacobian(const OpCase& c, std::size_t i, double step) {
  OpCase moved = c;
  Tape<double> tape;
  const auto at = [&](std::int64_t k, double x) {
    moved.operands[i][k] = x;
    tape.reset();
    return doubles(record_case<double>(moved, leaves(tape, moved)).values());
  };
  std::vector<std::vector<double>> jacobian(c.y.size(), std::vector<double>(c.operands[i].values().size()));
  for (std::int64_t k = 0; k < c.operands[i].size(); ++k) {
    const double x = c.operands[i][k], h = step * std::max(0.1, std::abs(x));
    const auto right = at(k, x + h), left = at(k, x - h), far_right = at(k, x + 2 * h), far_left = at(k, x - 2 * h);
    moved.operands[i][k] = x;
    for (std::size_t j = 0; j < c.y.size(); ++j)
      jacobian[j][static_cast<std::size_t>(k)] = (8 * (right[j] - left[j]) - (far_right[j] - far_left[j])) / (12 * h);
  }
  return jacobian;
}

std::vector<std::vector<double>> walked_jacobian(const OpCase& c, std::size_t i) {
  std::vector<std::vector<double>> jacobian;
  Tape<double> tape;
  poison(tape);
  for (std::size_t j = 0; j < c.y.size(); ++j) {
    tape.reset();
    const std::vector<Handle> x = leaves(tape, c);
    std::vector<double> one(c.y.size(), 0.0);
    one[j] = 1;
    walk_back(tape, record_case<double>(c, x), one);
    jacobian.push_back(doubles(Var<double>(x[i]).grad()));
  }
  return jacobian;
}

}  // namespace unspool::test
