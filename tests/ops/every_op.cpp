// Properties that every op with a derivative has. The list of ops is the op table itself, so none can be left out.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "ops/op_table.hpp"
#include "support/op_case.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using namespace us::test;
using us::detail::Handle;

namespace {

const std::vector<OpCase>& all_cases() {
  static const std::vector<OpCase> cases = differentiable_cases();
  return cases;
}

// What the numeric Jacobian does not confirm at any of three steps; a smaller one helps next to a kink or a pole.
std::string jacobian_difference(const OpCase& c, std::size_t i) {
  const auto walked = walked_jacobian(c, i);
  std::string found;
  for (const double step : {1e-3, 3e-5, 1e-6}) {
    const auto numeric = numeric_jacobian(c, i, step);
    found.clear();
    for (std::size_t j = 0; j < walked.size() && found.empty(); ++j) {
      const std::string text = difference(walked[j], numeric[j], differences);
      if (!text.empty()) found = fmt::format("d y[{}] / d operand {} {}", j, i, text);
    }
    if (found.empty()) break;
  }
  return found;
}

// The transposed Jacobian times dy.
std::vector<double> pulled_back(const std::vector<std::vector<double>>& jacobian, const std::vector<double>& dy,
                                std::int64_t size) {
  std::vector<double> dx(static_cast<std::size_t>(size), 0.0);
  for (std::size_t j = 0; j < dy.size(); ++j)
    for (std::size_t k = 0; k < dx.size(); ++k) dx[k] += dy[j] * jacobian[j][k];
  return dx;
}

void overwrite(us::Tape<double>& tape, std::uint32_t node) {
  const us::detail::Node& n = tape.core()->node(node);
  std::fill_n(static_cast<double*>(n.value), n.size(), std::numeric_limits<double>::quiet_NaN());
}

bool reads(const OpCase& c, us::Reads what) {
  return (static_cast<int>(c.rule->info.reads) & static_cast<int>(what)) != 0;
}

// Every operand that takes a gradient as a parameter, used at `steps` steps.
Gradients parameter_gradients(const OpCase& c, bool defer, int steps, double prefill) {
  us::ParameterSet<double> params;
  us::Tape<double> tape({.defer_products = defer});
  poison(tape);
  std::vector<Handle> operands;
  for (std::size_t i = 0; i < c.arity(); ++i) {
    if (!c.gradient(i)) {
      operands.push_back(tape.input(c.operands[i]));
      continue;
    }
    auto& p = params.add(std::to_string(i), c.operands[i].shape(), us::zeros());
    std::copy(c.operands[i].values().begin(), c.operands[i].values().end(), p.mutable_values().begin());
    if (prefill != 0) std::fill(p.grad().begin(), p.grad().end(), prefill);
    operands.push_back(tape.parameter(p));
  }
  const us::Var<double> weights = tape.input(us::Tensor<double>(c.shape, c.dy));
  us::Var<double> loss = tape.scalar(0);
  for (int t = 0; t < steps; ++t) loss += sum(record_case<double>(c, operands) * weights);
  tape.backward(loss);
  Gradients result(c.arity());
  for (std::size_t i = 0; i < c.arity(); ++i)
    if (us::Parameter<double>* p = params.find(std::to_string(i))) result[i] = doubles(p->grad());
  return result;
}

Gradients scaled(Gradients g, double by, double plus = 0) {
  for (auto& one : g)
    for (double& v : one) v = v * by + plus;
  return g;
}

}  // namespace

TEST_CASE("every op has samples, and the table lists each op once") {
  CHECK(us::detail::op_table().size() > 0);
  std::vector<std::string> names;
  for (const us::OpRule* rule : us::detail::op_table()) {
    CAPTURE(rule->info.name);
    CHECK_NOTHROW(cases_of(*rule));
    names.push_back(rule->info.name);
    for (const auto forward : rule->forward) CHECK((forward != nullptr || rule->view != nullptr));
    CHECK((rule->backward[0] != nullptr) == (rule->backward[1] != nullptr));
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("every op's gradient is what differences say, each output by each input entry") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    CHECK(c.finite());
    for (std::size_t i = 0; i < c.arity(); ++i)
      if (c.gradient(i)) CHECK(jacobian_difference(c, i) == "");
  }
}

TEST_CASE("every op's backward is linear in dy") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    const Gradients once = gradients<double>(c, c.dy);
    std::vector<double> more = c.dy;
    for (double& v : more) v *= -4;
    CHECK(difference(gradients<double>(c, more), scaled(once, -4)) == "");
    for (std::size_t i = 0; i < c.arity(); ++i)
      if (c.gradient(i))
        CHECK(difference(once[i], pulled_back(walked_jacobian(c, i), c.dy, c.operands[i].size()), {1e-11, 1e-11}) ==
              "");
  }
}

TEST_CASE("every op gives the same bits in every run") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    std::vector<double> y1, y2;
    const Gradients first = gradients<double>(c, c.dy, &y1), second = gradients<double>(c, c.dy, &y2);
    CHECK(difference(y1, y2, exact) == "");
    CHECK(difference(y1, c.y, exact) == "");
    CHECK(difference(first, second, exact) == "");
  }
}

TEST_CASE("every op adds up the gradients of one value passed for two operands") {
  for (const OpCase& original : all_cases())
    for (std::size_t i = 0; i < original.arity(); ++i)
      for (std::size_t j = i + 1; j < original.arity(); ++j) {
        OpCase c = original;
        SampleOperand both = c.sample.operands[i];
        both.low = std::max(both.low, c.sample.operands[j].low);
        both.high = std::min(both.high, c.sample.operands[j].high);
        if (!c.gradient(i) || !c.gradient(j) || both.shape != c.operands[j].shape() || both.low > both.high) continue;
        CAPTURE(c.name());
        CAPTURE(i);
        CAPTURE(j);
        us::Random random = random_of(c.name(), 2);
        c.operands[i] = c.operands[j] = random_tensor(both.shape, random, both.low, both.high);
        const Gradients apart = gradients<double>(c, c.dy);
        us::Tape<double> tape;
        std::vector<Handle> x = leaves(tape, c);
        x[j] = x[i];
        walk_back(tape, record_case<double>(c, x), c.dy);
        std::vector<double> expected = apart[i];
        for (std::size_t k = 0; k < expected.size(); ++k) expected[k] += apart[j][k];
        CHECK(difference(us::Var<double>(x[i]).grad(), expected) == "");
      }
}

TEST_CASE("every op adds to a gradient that an earlier walked consumer has begun") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    us::Tape<double> tape;
    poison(tape);
    const std::vector<Handle> x = leaves(tape, c);
    std::vector<Handle> inner;
    for (const Handle& operand : x) inner.push_back(us::Var<double>(operand) * 1.0);
    const us::Var<double> y = record_case<double>(c, inner);
    us::Var<double> loss = sum(y * tape.input(us::Tensor<double>(c.shape, c.dy)));
    // Recorded later, so walked before the op: its operands' gradients are 3 when the op adds to them.
    for (const Handle& operand : inner) loss += sum(us::Var<double>(operand) * 3.0);
    tape.backward(loss);
    Gradients expected = scaled(gradients<double>(c, c.dy), 1, 3);
    CHECK(difference(gradients_of<double>(c, x), expected) == "");
  }
}

TEST_CASE("every op adds to a parameter's gradient, queued or not, at one step or three") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    const Gradients once = gradients<double>(c, c.dy);
    CHECK(difference(parameter_gradients(c, true, 1, 0), once) == "");
    CHECK(difference(parameter_gradients(c, false, 1, 0), once) == "");
    CHECK(difference(parameter_gradients(c, true, 1, 0.75), scaled(once, 1, 0.75)) == "");
    CHECK(difference(parameter_gradients(c, false, 1, 0.75), scaled(once, 1, 0.75)) == "");
    CHECK(difference(parameter_gradients(c, true, 3, 0.75), scaled(once, 3, 0.75), {1e-11, 1e-11}) == "");
    CHECK(difference(parameter_gradients(c, true, 3, 0), parameter_gradients(c, false, 3, 0)) == "");
  }
}

TEST_CASE("every op's backward reads nothing but what its rule declares") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    const Gradients expected = gradients<double>(c, c.dy);
    us::Tape<double> tape;
    const std::vector<Handle> x = leaves(tape, c);
    const us::Var<double> y = record_case<double>(c, x);
    const bool shared = tape.core()->node(y.index()).has(us::detail::flag::view);
    if (!reads(c, us::Reads::inputs) && !(shared && reads(c, us::Reads::output)))
      for (const Handle& operand : x) overwrite(tape, operand.index());
    if (!reads(c, us::Reads::output) && !(shared && reads(c, us::Reads::inputs))) overwrite(tape, y.index());
    walk_back(tape, y, c.dy);
    CHECK(difference(gradients_of<double>(c, x), expected, exact) == "");
  }
}

TEST_CASE("every op gives no gradient to an operand that wants none, and the others theirs") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    const Gradients all = gradients<double>(c, c.dy);
    const auto wanting =
        std::count_if(c.sample.operands.begin(), c.sample.operands.end(), [](const auto& o) { return o.gradient; });
    for (std::size_t i = 0; i < c.arity(); ++i) {
      if (!c.gradient(i)) continue;
      us::Tape<double> tape;
      poison(tape);
      const std::vector<Handle> x = leaves(tape, c, i);
      const us::Var<double> y = record_case<double>(c, x);
      if (wanting == 1) {
        try {
          walk_back(tape, y, c.dy);
          FAIL("a walk to nowhere must be refused");
        } catch (const us::Error& e) {
          CHECK(e.code() == us::ErrorCode::no_gradient);
        }
        continue;
      }
      walk_back(tape, y, c.dy);
      Gradients expected = all;
      expected[i].clear();
      CHECK(difference(gradients_of<double>(c, x, i), expected) == "");
      CHECK(tape.core()->gradient(x[i].index()) == nullptr);
    }
  }
}

TEST_CASE("every op agrees in float and double") {
  for (const OpCase& c : all_cases()) {
    CAPTURE(c.name());
    std::vector<double> in_float, in_double;
    std::vector<double> dy(c.dy);
    const Gradients narrow = gradients<float>(c, dy, &in_float), wide = gradients<double>(c, dy, &in_double);
    CHECK(difference(in_float, in_double, {1e-4, 1e-4}) == "");
    CHECK(difference(narrow, wide, {1e-4, 1e-4}) == "");
  }
}

TEST_CASE("an op without derivative cuts the gradient and says so") {
  int severing = 0;
  for (const us::OpRule* rule : us::detail::op_table()) {
    if (differentiable(*rule)) continue;
    ++severing;
    for (const OpCase& c : cases_of(*rule)) {
      CAPTURE(c.name());
      us::Tape<double> tape;
      std::vector<Handle> x;
      for (const us::Tensor<double>& operand : c.operands) x.push_back(tape.variable(operand));
      const us::Var<double> y = record_case<double>(c, x);
      std::string text;
      try {
        tape.backward(sum(y * 2.0));
      } catch (const us::Error& e) {
        CHECK(e.code() == us::ErrorCode::no_gradient);
        text = e.what();
      }
      CHECK_MESSAGE(text.find(fmt::format("({})", rule->info.name)) != std::string::npos, text);
      // Beside a path that does lead somewhere it is simply no contribution.
      us::Tape<double> other;
      const us::Var<double> v = other.variable(c.operands[0]);
      x.assign(c.arity(), v);
      for (std::size_t i = 1; i < c.arity(); ++i) x[i] = other.variable(c.operands[i]);
      const us::Var<double> cut = sum(record_case<double>(c, x));
      other.backward(sum(v * 2.0) + cut * 0.0);
      CHECK(difference(v.grad(), std::vector<double>(v.values().size(), 2.0)) == "");
    }
  }
  CHECK(severing > 0);
}
