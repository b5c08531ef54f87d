// Every op's rule on duals: its forward pass is a Jacobian-vector product, its walk back has the second derivatives. The
// list of ops is the op table, so none can be left out.
#include <doctest/doctest.h>

#include <algorithm>

#include "ops/op_table.hpp"
#include "support/op_case.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using namespace us::test;
using us::detail::Handle;
using D = us::Dual<double>;

namespace {

const std::vector<OpCase>& all_cases() {
  static const std::vector<OpCase> cases = differentiable_cases();
  return cases;
}

/// A direction for every operand that takes a gradient, 0 for the others.
std::vector<us::Tensor<double>> direction_of(const OpCase& c) {
  us::Random random = random_of(c.name(), 3);
  std::vector<us::Tensor<double>> all;
  for (std::size_t i = 0; i < c.arity(); ++i)
    all.push_back(c.gradient(i) ? random_tensor(c.operands[i].shape(), random)
                                : us::Tensor<double>(c.operands[i].shape()));
  return all;
}

OpCase moved(const OpCase& c, const std::vector<us::Tensor<double>>& direction, double distance) {
  OpCase at = c;
  for (std::size_t i = 0; i < c.arity(); ++i)
    for (std::int64_t k = 0; k < at.operands[i].size(); ++k) at.operands[i][k] += distance * direction[i][k];
  return at;
}

/// The derivative of f(case) along the direction by five points; f gives a list of numbers.
template <class F>
std::vector<double> along(const OpCase& c, const std::vector<us::Tensor<double>>& direction, double h, F f) {
  const auto right = f(moved(c, direction, h)), left = f(moved(c, direction, -h));
  const auto far_right = f(moved(c, direction, 2 * h)), far_left = f(moved(c, direction, -2 * h));
  std::vector<double> slope(right.size());
  for (std::size_t i = 0; i < slope.size(); ++i)
    slope[i] = (8 * (right[i] - left[i]) - (far_right[i] - far_left[i])) / (12 * h);
  return slope;
}

/// What differences at any of three steps confirm; a smaller one helps next to a kink or a pole.
template <class F>
std::string slope_difference(const OpCase& c, const std::vector<us::Tensor<double>>& direction,
                             const std::vector<double>& given, Tolerance t, F f) {
  std::string found;
  for (const double h : {1e-3, 3e-5, 1e-6}) {
    found = difference(given, along(c, direction, h, f), t);
    if (found.empty()) break;
  }
  return found;
}

std::vector<double> values(const OpCase& c) {
  us::Tape<double> tape;
  return doubles(record_case<double>(c, leaves(tape, c)).values());
}

std::vector<double> flat(const Gradients& gradients) {
  std::vector<double> all;
  for (const auto& one : gradients) all.insert(all.end(), one.begin(), one.end());
  return all;
}

std::vector<double> part(std::span<const D> from, double D::*member) {
  std::vector<double> to;
  for (const D& x : from) to.push_back(x.*member);
  return to;
}

/// The op recorded on a tape of duals, its operands along the direction; what memory held before was NaN.
struct Recorded {
  Recorded(const OpCase& c, const std::vector<us::Tensor<double>>& direction) {
    poison(tape);
    for (std::size_t i = 0; i < c.arity(); ++i) {
      us::Tensor<D> operand = converted<D>(c.operands[i]);
      for (std::int64_t k = 0; k < operand.size(); ++k) operand[k].tangent = direction[i][k];
      x.push_back(c.gradient(i) ? tape.variable(operand) : tape.input(operand));
    }
    y = record_case<D>(c, x);
  }
  us::Tape<D> tape;
  std::vector<Handle> x;
  us::Var<D> y;
};

/// Gradients of the operands that take one, end to end, after a walk from dy.
struct Walked {
  Walked(const OpCase& c, Recorded& r, std::span<const D> dy) {
    r.tape.backward(r.y, dy);
    for (std::size_t i = 0; i < c.arity(); ++i)
      if (c.gradient(i)) {
        const auto grad = us::Var<D>(r.x[i]).grad();
        all.insert(all.end(), grad.begin(), grad.end());
      }
  }
  std::vector<D> all;
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// What the library promises of second derivatives.
constexpr Tolerance second{1e-6, 1e-4};

}  // namespace

TEST_CASE("every op has a rule for duals wherever it has one for doubles") {
  for (const us::OpRule* rule : us::detail::op_table()) {
    CAPTURE(rule->info.name);
    CHECK((rule->forward[2] != nullptr) == (rule->forward[1] != nullptr));
    CHECK((rule->backward[2] != nullptr) == (rule->backward[1] != nullptr));
  }
}

TEST_CASE("every op's value on duals is its value on doubles, and its tangent what differences say") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    const auto direction = direction_of(c);
    const Recorded r(c, direction);
    CHECK(difference(part(r.y.values(), &D::value), c.y, {1e-13, 1e-13}) == "");
    CHECK(slope_difference(c, direction, part(r.y.values(), &D::tangent), differences, values) == "");
  }
}

TEST_CASE("every op's tangent and gradient are transposes of each other") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    const auto direction = direction_of(c);
    const Recorded r(c, direction);
    std::vector<double> v;
    for (std::size_t i = 0; i < c.arity(); ++i)
      if (c.gradient(i)) v.insert(v.end(), direction[i].values().begin(), direction[i].values().end());
    const std::vector<double> tangent = part(r.y.values(), &D::tangent);
    CHECK(close(dot(c.dy, tangent), dot(flat(gradients<double>(c, c.dy)), v), {1e-11, 1e-11}));
  }
}

TEST_CASE("every op's second derivatives are what differences of its gradient say") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    const auto direction = direction_of(c);
    Recorded r(c, direction);
    const Walked walked(c, r, std::vector<D>(c.dy.begin(), c.dy.end()));
    CHECK(difference(part(walked.all, &D::value), flat(gradients<double>(c, c.dy)), {1e-11, 1e-11}) == "");
    const auto gradient = [](const OpCase& at) { return flat(gradients<double>(at, at.dy)); };
    CHECK(slope_difference(c, direction, part(walked.all, &D::tangent), second, gradient) == "");
  }
}

TEST_CASE("every op hands the tangent of dy on as it does dy") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    std::vector<us::Tensor<double>> still;
    for (const us::Tensor<double>& x : c.operands) still.emplace_back(x.shape());
    Recorded r(c, still);
    std::vector<D> dy;
    for (const double g : c.dy) dy.emplace_back(0.5 * g, g);
    const Walked walked(c, r, dy);
    CHECK(difference(part(walked.all, &D::tangent), flat(gradients<double>(c, c.dy)), {1e-11, 1e-11}) == "");
  }
}

TEST_CASE("every op adds duals to a parameter's gradient, queued or not, over three steps") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    const auto direction = direction_of(c);
    Recorded once(c, direction);
    std::vector<D> expected = Walked(c, once, std::vector<D>(c.dy.begin(), c.dy.end())).all;
    for (const bool defer : {true, false}) {
      us::ParameterSet<D> params;
      us::Tape<D> tape({.defer_products = defer});
      poison(tape);
      std::vector<Handle> operands;
      for (std::size_t i = 0; i < c.arity(); ++i) {
        us::Tensor<D> operand = converted<D>(c.operands[i]);
        for (std::int64_t k = 0; k < operand.size(); ++k) operand[k].tangent = direction[i][k];
        if (!c.gradient(i)) {
          operands.push_back(tape.input(operand));
          continue;
        }
        auto& p = params.add(std::to_string(i), operand.shape(), us::zeros());
        std::ranges::copy(operand.values(), p.mutable_values().begin());
        operands.push_back(tape.parameter(p));
      }
      const us::Var<D> weights = tape.input(us::Tensor<double>(c.shape, c.dy));
      us::Var<D> loss = tape.scalar(0);
      for (int t = 0; t < 3; ++t) loss += sum(record_case<D>(c, operands) * weights);
      tape.backward(loss);
      std::vector<D> given;
      for (const us::Parameter<D>& p : params) given.insert(given.end(), p.grad().begin(), p.grad().end());
      for (double D::*member : {&D::value, &D::tangent}) {
        std::vector<double> three = part(expected, member);
        for (double& v : three) v *= 3;
        CHECK(difference(part(given, member), three, {1e-10, 1e-10}) == "");
      }
    }
  }
}
