// Products with Jacobians and Hessians of recurrent networks, against differences and against each other.
#include "unspool/derivatives.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"
#include "unspool/sequence_losses.hpp"

namespace us = unspool;
using us::test::close;
using us::test::difference;
using us::test::random_tensor;
using us::test::Tolerance;
using List = us::TensorList<double>;

namespace {

constexpr std::int64_t steps = 5, batch = 3, input = 2, hidden = 3;
constexpr Tolerance second{1e-6, 1e-4};

List random_list(const us::ParameterSet<double>& params, std::uint64_t seed) {
  List list;
  us::Random random(us::Seed{seed});
  for (const us::Parameter<double>& p : params) list.push_back(random_tensor(p.shape(), random));
  return list;
}

double dot(const List& a, const List& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::int64_t k = 0; k < a[i].size(); ++k) sum += a[i][k] * b[i][k];
  return sum;
}

std::vector<double> flat(const List& list) {
  std::vector<double> all;
  for (const us::Tensor<double>& x : list) all.insert(all.end(), x.values().begin(), x.values().end());
  return all;
}

/// The derivative of g() by five points as all parameters move along the direction.
template <class G>
std::vector<double> along(us::ParameterSet<double>& params, const List& direction, G g) {
  std::vector<std::vector<double>> start;
  for (const us::Parameter<double>& p : params) start.emplace_back(p.values().begin(), p.values().end());
  const auto at = [&](double distance) {
    for (std::size_t i = 0; i < params.size(); ++i)
      for (std::size_t k = 0; k < start[i].size(); ++k)
        params.at(i).mutable_values()[k] = start[i][k] + distance * direction[i].values()[k];
    return g();
  };
  const double h = 1e-3;
  const auto right = at(h), left = at(-h), far_right = at(2 * h), far_left = at(-2 * h);
  at(0);
  std::vector<double> slope;
  for (std::size_t i = 0; i < right.size(); ++i)
    slope.push_back((8 * (right[i] - left[i]) - (far_right[i] - far_left[i])) / (12 * h));
  return slope;
}

const us::Tensor<double> x = random_tensor({steps, batch, input}, 1);
const std::vector<std::int64_t> lengths{3, 5, 4};
const std::vector<std::int64_t> targets{0, 1, 2, 2, 1, 0, 0, 0, 1, 2, 1, 0, 1, 1, 1};

/// Logits of a layer over a ragged batch, a padded tensor.
template <template <class> class Layer, class Options>
auto model(Options options) {
  options.input = input, options.hidden = hidden;
  return [options](auto& tape, auto& params) {
    using T = std::remove_cvref_t<decltype(params.at(0).values()[0])>;
    const Layer<T> layer(params, "rnn", options);
    const us::Linear<T> head(params, "head", {.input = hidden * (options.bidirectional ? 2 : 1), .output = 3});
    return head(layer(us::Sequence<T>(tape.input(x), lengths)).outputs);
  };
}

template <class Model>
void check_model(Model net) {
  us::ParameterSet<double> params(us::Seed{3});
  const auto outputs = [&](auto& tape, auto& p) { return net(tape, p).padded(); };
  const auto loss = [&](auto& tape, auto& p) { return cross_entropy(net(tape, p), targets); };
  {
    us::Tape<double> tape;
    (void)net(tape, params);  // adds the parameters
    params.reopen();
  }
  const List v = random_list(params, 7), u = random_list(params, 8);
  const auto values = [&] {
    us::Tape<double> tape;
    const us::Var<double> y = outputs(tape, params);
    return std::vector<double>(y.values().begin(), y.values().end());
  };

  const auto [value, tangent] = us::jvp(outputs, params, v);
  CHECK(difference(value.values(), values(), {1e-13, 1e-13}) == "");
  CHECK(difference(tangent.values(), along(params, v, values), us::test::differences) == "");

  const us::Tensor<double> w = random_tensor(value.shape(), 9);
  const auto pulled = us::vjp(outputs, params, w);
  double forward = 0;
  for (std::int64_t i = 0; i < w.size(); ++i) forward += w[i] * tangent[i];
  CHECK(close(forward, dot(pulled.gradient, v), {1e-11, 1e-11}));

  const auto gradient = [&] { return flat(us::vjp(loss, params, us::Tensor<double>({}, {1.0})).gradient); };
  const auto along_v = us::hvp(loss, params, v), along_u = us::hvp(loss, params, u);
  CHECK(difference(flat(along_v.gradient), gradient(), {1e-12, 1e-11}) == "");
  CHECK(difference(flat(along_v.product), along(params, v, gradient), second) == "");
  CHECK(close(dot(along_v.product, u), dot(along_u.product, v), {1e-11, 1e-10}));
  CHECK(std::abs(dot(along_v.product, v)) > 1e-6);
}

}  // namespace

TEST_CASE("layers over ragged batches: products with the Jacobian and the Hessian, fused and composed") {
  for (const bool fused : {true, false})
    for (const bool both : {false, true}) {
      CAPTURE(fused);
      CAPTURE(both);
      check_model(model<us::RNN>(us::RNNOptions{.layers = 2, .bidirectional = both, .fused = fused}));
      check_model(model<us::LSTM>(us::LSTMOptions{.bidirectional = both, .forget_bias = 1, .fused = fused}));
      check_model(model<us::GRU>(us::GRUOptions{.layers = 2, .bidirectional = both, .fused = fused}));
    }
}

TEST_CASE("variants of the cells have second derivatives, too") {
  check_model(model<us::LSTM>(us::LSTMOptions{.peephole = true, .layer_norm = true}));
  check_model(model<us::GRU>(us::GRUOptions{.reset = us::Reset::before, .layers = 2, .residual = true}));
}

TEST_CASE("a layer with dropout draws the same masks at every call") {
  check_model(model<us::LSTM>(us::LSTMOptions{.layers = 2, .dropout = 0.4, .recurrent_dropout = 0.2, .zoneout = 0.1}));
}

namespace {

/// h' of a GRU cell from h, for one sequence: the Jacobian of a step.
constexpr auto step = [](auto& tape, auto& params, const auto& h) {
  using T = std::remove_cvref_t<decltype(h.values()[0])>;
  const us::GRUCell<T> cell(params, "cell", {.input = input, .hidden = hidden});
  return cell(tape.input(random_tensor({1, input}, 4)), h);
};

us::ParameterSet<double> cell_parameters() {
  us::ParameterSet<double> params(us::Seed{2});
  us::GRUCell<double>(params, "cell", {.input = input, .hidden = hidden});
  return params;
}

}  // namespace

TEST_CASE("the Jacobian of a step by the state is one thing in forward mode, in reverse and column by column") {
  const us::ParameterSet<double> params = cell_parameters();
  const us::Tensor<double> h = random_tensor({1, hidden}, 5);
  const us::Tensor<double> forward = us::jacobian(step, params, h, {.mode = us::JacobianMode::forward});
  CHECK(forward.shape() == us::Shape{1, hidden, 1, hidden});
  CHECK(difference(us::jacobian(step, params, h, {.mode = us::JacobianMode::reverse}).values(), forward.values(),
                   {1e-13, 1e-12}) == "");
  CHECK(difference(us::jacobian(step, params, h).values(), forward.values(), us::test::exact) == "");
  for (std::int64_t c = 0; c < hidden; ++c) {
    us::Tensor<double> unit(h.shape());
    unit[c] = 1;
    const us::Tensor<double> column = us::jvp(step, params, h, unit).tangent;
    const us::Tensor<double> row = us::vjp(step, params, h, unit).gradient;
    for (std::int64_t r = 0; r < hidden; ++r) {
      CHECK(column[r] == forward[r * hidden + c]);
      CHECK(close(row[r], forward[c * hidden + r], {1e-13, 1e-12}));
    }
  }
}

TEST_CASE("a Jacobian with fewer rows than columns is made of rows; one of a constant is 0") {
  int forward = 0, reverse = 0;
  const auto f = [&](auto& tape, const auto& v) {
    using T = std::remove_cvref_t<decltype(v.values()[0])>;
    (us::RealScalar<T> ? reverse : forward) += 1;
    (void)tape;
    return sum(square(v), {0});
  };
  const us::Tensor<double> tall({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const us::Tensor<double> j = us::jacobian(f, tall);
  CHECK(j.shape() == us::Shape{2, 4, 2});
  CHECK(j[2 * 2] == 10);
  CHECK(j[2 * 2 + 1] == 0);
  CHECK(forward == 0);
  CHECK(reverse == 2);
  const auto constant = [](auto& tape, const auto&) { return tape.ones({3}); };
  for (const us::JacobianMode mode : {us::JacobianMode::forward, us::JacobianMode::reverse})
    CHECK(difference(us::jacobian(constant, tall, {.mode = mode}).values(), std::vector<double>(24)) == "");
  CHECK(us::jacobian(f, us::Tensor<double>({0, 2})).size() == 0);
}

TEST_CASE("a Gauss-Newton product is J^T H J v with each factor made on its own") {
  const us::Tensor<double> at = random_tensor({4}, 6), v = random_tensor({4}, 7);
  const us::Tensor<double> weight = random_tensor({4, 3}, 8);
  const auto f = [&](auto& tape, const auto& z) { return tanh(matmul(reshape(z, {1, 4}), tape.input(weight))); };
  const auto loss = [](auto&, const auto& z) { return cross_entropy(z, std::vector<std::int64_t>{1}); };
  const auto [value, product] = us::gnvp(f, loss, at, v);

  const us::Tensor<double> j = us::jacobian(f, at);
  us::Tape<double> tape;
  const us::Tensor<double> z = f(tape, tape.input(at)).tensor();
  std::vector<double> jv(3);
  for (std::int64_t r = 0; r < 3; ++r)
    for (std::int64_t c = 0; c < 4; ++c) jv[static_cast<std::size_t>(r)] += j[r * 4 + c] * v[c];
  const us::Tensor<double> hjv = us::hvp(loss, z, us::Tensor<double>({1, 3}, jv)).product;
  std::vector<double> expected(4);
  for (std::int64_t r = 0; r < 3; ++r)
    for (std::int64_t c = 0; c < 4; ++c) expected[static_cast<std::size_t>(c)] += j[r * 4 + c] * hjv[r];
  CHECK(difference(product.values(), expected) == "");
  CHECK(close(value, loss(tape, tape.input(z)).item()));
}

TEST_CASE("a Gauss-Newton product of a network is its Hessian's where the network is linear in its parameters") {
  us::ParameterSet<double> params(us::Seed{4});
  us::Linear<double>(params, "head", {.input = input, .output = 3});
  const auto f = [](auto& tape, auto& p) {
    using T = std::remove_cvref_t<decltype(p.at(0).values()[0])>;
    return us::Linear<T>(p, "head", {.input = input, .output = 3})(tape.input(random_tensor({4, input}, 3)));
  };
  const auto loss = [](auto&, const auto& z) { return cross_entropy(z, std::vector<std::int64_t>{0, 2, 1, 1}); };
  const List v = random_list(params, 2);
  const auto whole = [&](auto& tape, auto& p) { return loss(tape, f(tape, p)); };
  const auto newton = us::gnvp(f, loss, params, v);
  CHECK(difference(flat(newton.product), flat(us::hvp(whole, params, v).product)) == "");
  CHECK(dot(newton.product, v) > 0);
}

TEST_CASE("the caller's parameters, gradients and frozen flags stay as they are") {
  us::ParameterSet<double> params(us::Seed{4});
  auto& w = params.add("w", {2}, us::constant(3));
  auto& frozen = params.add("frozen", {2}, us::constant(2));
  frozen.set_trainable(false);
  w.grad()[0] = 5;
  const auto f = [](auto&, auto& p) { return sum(square(p["w"] * p["frozen"])); };
  // A parameter alone is on no tape: one operand must be.
  const auto on_tape = [&](auto& tape, auto& p) { return sum(square(tape.parameter(p["w"]) * p["frozen"])); };
  UNSPOOL_CHECK_ERROR(us::hvp(f, params, random_list(params, 1)), wrong_tape, "must be recorded on a tape");
  const List v{us::Tensor<double>({2}, {1, 0}), us::Tensor<double>({2}, {7, 7})};
  const auto [value, gradient, product] = us::hvp(on_tape, params, v);
  CHECK(value == 72);
  CHECK(gradient[0][0] == 24);
  CHECK(product[0][0] == 8);  // the frozen one's direction does not count
  CHECK(product[0][1] == 0);
  CHECK(gradient[1][0] == 0);
  CHECK(w.grad()[0] == 5);
  CHECK(w.values()[0] == 3);
  UNSPOOL_CHECK_ERROR(params.add("w", {2}, us::ones()), duplicate_name, "w");
}

TEST_CASE("float models have their derivatives computed in double and rounded once") {
  us::ParameterSet<float> params(us::Seed{4});
  params.add("w", {3}, us::uniform(-1, 1));
  const auto f = [](auto& tape, auto& p) { return sum(exp(tape.parameter(p["w"]))); };
  const us::TensorList<float> v{us::Tensor<float>({3}, std::vector<float>{1, 2, 3})};
  const auto r = us::hvp(f, params, v);
  for (std::size_t i = 0; i < 3; ++i) {
    const double e = std::exp(static_cast<double>(params["w"].values()[i]));
    CHECK(r.gradient[0].values()[i] == static_cast<float>(e));
    CHECK(r.product[0].values()[i] == static_cast<float>(e * static_cast<double>(v[0].values()[i])));
  }
  const auto gradient = us::vjp(f, params, us::Tensor<float>({}, std::vector<float>{1})).gradient[0];
  const double forward = static_cast<double>(us::jvp(f, params, v).tangent.item());
  CHECK(forward == doctest::Approx(static_cast<double>(gradient[0] + 2 * gradient[1] + 3 * gradient[2])).epsilon(1e-6));
}

TEST_CASE("what does not fit is said before anything is computed") {
  const us::ParameterSet<double> params = cell_parameters();
  const us::Tensor<double> h = random_tensor({1, hidden}, 5), wrong = random_tensor({hidden}, 5);
  UNSPOOL_CHECK_ERROR(us::jvp(step, params, h, wrong), shape_mismatch,
                      "jvp: the direction must be [1,3], as x; given [3]");
  UNSPOOL_CHECK_ERROR(us::vjp(step, params, h, wrong), shape_mismatch, "vjp: the cotangent must be [1,3]");
  UNSPOOL_CHECK_ERROR(us::hvp(step, params, h, h), not_scalar, "hvp: the function must return one element");
  const auto f = [](auto& tape, auto& p) { return sum(tape.parameter(p["cell.bias_hh"])); };
  List v = random_list(params, 1);
  v.pop_back();
  UNSPOOL_CHECK_ERROR(us::jvp(f, params, v), shape_mismatch, "a tensor for each of 4 parameters; given 3");
  v.push_back(wrong);
  UNSPOOL_CHECK_ERROR(us::jvp(f, params, v), shape_mismatch, "the direction of cell.bias_hh must be [9]; given [3]");
  us::Tape<us::Dual<double>> other;
  const auto elsewhere = [&](auto&, const auto&) { return other.scalar(1); };
  UNSPOOL_CHECK_ERROR(us::jvp(elsewhere, h, h), wrong_tape, "must return a value of the tape it is given");
  const auto constant = [](auto& tape, const auto&) { return tape.scalar(1); };
  UNSPOOL_CHECK_ERROR(us::hvp(constant, h, h), no_gradient, "depends on no parameter and no variable");
  const us::Tensor<double> deep(us::Shape{1, 1, 1, 1, 1});
  const auto same = [](auto&, const auto& v) { return v * 1.0; };
  UNSPOOL_CHECK_ERROR(us::jacobian(same, deep), unsupported, "must be 8 at most");
}
