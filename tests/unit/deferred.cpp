#include <doctest/doctest.h>

#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/extend.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"
#include "unspool/sequence.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;

namespace {

constexpr int steps = 7;

template <class T>
struct Model {
  us::ParameterSet<T> params{us::Seed{5}};
  us::Parameter<T>& wx = params.add("wx", {4, 3}, us::xavier_uniform());
  us::Parameter<T>& wh = params.add("wh", {3, 3}, us::orthogonal());
  us::Parameter<T>& wt = params.add("wt", {2, 3}, us::xavier_uniform());  // used transposed
  us::Parameter<T>& b = params.add("b", {3}, us::constant(0.1));
  us::Parameter<T>& table = params.add("table", {5, 4}, us::normal());

  us::Var<T> loss(us::Tape<T>& tape, int batch) {
    us::Var<T> h = tape.zeros({batch, 3}), total = tape.scalar(0);
    for (int t = 0; t < steps; ++t) {
      const auto step = tape.step(t);
      std::vector<std::int64_t> ids;
      for (int i = 0; i < batch; ++i) ids.push_back((3 * t + i * i) % 5);
      h = tanh(matmul(embedding(tape.parameter(table), ids), wx) + matmul(h, wh) + b);
      const us::Var<T> y = matmul(h, wt, false, true);
      total += sum(y * y * (1.0 + t));
    }
    return total;
  }

  std::vector<double> gradients(const us::TapeOptions& options, int batch, us::TapeStats* stats = nullptr) {
    us::Tape<T> tape(options);
    params.zero_grad();
    tape.backward(loss(tape, batch));
    if (stats != nullptr) *stats = tape.stats();
    std::vector<double> all;
    for (us::Parameter<T>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
    return all;
  }
};

/// Operands w [n], u and v [1,n]; the gradient of w is u or, with the attribute, u + v, whatever reaches it.
struct Rows {
  static us::Shape infer(const us::InferArgs&) { return {1}; }
  template <class T>
  static void forward(const us::ForwardArgs<T>& a) {
    a.y().data[0] = T(0);
  }
  template <class T>
  static void backward(const us::BackwardArgs<T>& a) {
    a.dx(0).add_columns(a.x(1));
    if (a.flag(0)) a.dx(0).add_columns(a.x(2));
  }
};
constexpr us::OpRule rows_rule = us::make_rule<Rows>({.name = "rows", .arity = 3, .attrs = "both:bool"});

/// Sums of 40 rows that lie side by side, of a rule that queues two at a visit, or one at the steps given.
std::vector<float> sum_of_rows(bool labelled, int two_from) {
  constexpr std::int64_t count = 40, n = 3;
  us::ParameterSet<float> params;
  us::Parameter<float>& w = params.add("w", {n}, us::zeros());
  us::Tape<float> tape;
  const us::Var<float> u = tape.input(random_tensor<float>({count, 1, n}, 1, -100, 100)),
                       v = tape.input(random_tensor<float>({count, 1, n}, 2, -100, 100));
  const us::Sequence<float> xs(u);
  us::Var<float> loss = tape.scalar(0);
  for (std::int64_t t = 0; t < count; ++t) {
    const us::LabelGuard step = labelled ? xs.at_step(t, t, 1) : tape.step(t);
    const auto row = [&](const us::Var<float>& of) { return reshape(slice(of, 0, t, t + 1), {1, n}); };
    loss += us::record<float>(rows_rule, {w, row(u), row(v)}, us::Attrs(t >= two_from));
  }
  tape.backward(loss);
  return {w.grad().begin(), w.grad().end()};
}

}  // namespace

TEST_CASE("rows of steps that join one another are added in the order of rows that do not") {
  for (const int two_from : {0, 20, 40}) CHECK(sum_of_rows(true, two_from) == sum_of_rows(false, two_from));
}

TEST_CASE("queued parameter gradients equal immediate ones, and T steps cost one flush a queue") {
  Model<double> model;
  for (const int batch : {1, 3}) {
    us::TapeStats queued, immediate;
    const auto with = model.gradients({}, batch, &queued);
    const auto without = model.gradients({.defer_products = false}, batch, &immediate);
    CHECK(difference(with, without) == "");
    // One row of a bias waits, too: whether rows come one by one or all at once must not decide the bits of their sum.
    constexpr int queues = 5;
    CHECK(queued.deferred_flushes == queues);
    CHECK(queued.deferred_entries == queues * steps);
    CHECK(immediate.deferred_flushes == 0);
    CHECK(immediate.deferred_entries == 0);
  }
}

TEST_CASE("a byte cap flushes early and the sums agree") {
  Model<double> model;
  const auto whole = model.gradients({}, 3);
  std::int64_t flushes = 5;
  for (const std::int64_t cap : {2000, 600, 100, 0}) {
    us::TapeStats stats;
    CHECK(difference(model.gradients({.deferred_bytes = cap}, 3, &stats), whole) == "");
    CHECK(stats.deferred_flushes >= flushes);
    CHECK(stats.deferred_entries == 5 * steps);
    flushes = stats.deferred_flushes;
  }
  // Then every row makes a product of its own.
  CHECK(flushes == 5 * steps * 3);
}

TEST_CASE("queues work in float") {
  Model<float> narrow;
  Model<double> wide;
  CHECK(difference(narrow.gradients({}, 3), wide.gradients({}, 3), {1e-5, 1e-5}) == "");
}

TEST_CASE("rows that lie evenly in memory and rows that do not give the same product") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {4, 2}, us::xavier_uniform());
  const us::Tensor<double> x = random_tensor({6, 4}, 1), dy = random_tensor({6, 2}, 2);
  std::vector<std::vector<double>> results;
  for (const int gap : {0, 1, 5}) {  // other values between the steps' rows, evenly or not
    us::Tape<double> tape;
    w.zero_grad();
    us::Var<double> total = tape.scalar(0);
    for (int t = 0; t < 6; ++t) {
      for (int k = 0; k < gap * (gap == 5 ? t % 3 : 1); ++k) (void)tape.ones({1 + t * k});
      const auto row = [&](const us::Tensor<double>& m, int n) {
        return tape.input({1, n}, m.values().subspan(static_cast<std::size_t>(t * n), static_cast<std::size_t>(n)));
      };
      total += sum(matmul(row(x, 4), w) * row(dy, 2));
    }
    tape.backward(total);
    results.push_back(us::test::doubles(w.grad()));
  }
  std::vector<double> expected(8, 0.0);
  for (int t = 0; t < 6; ++t)
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 2; ++j) expected[static_cast<std::size_t>(i * 2 + j)] += x[t * 4 + i] * dy[t * 2 + j];
  for (const auto& result : results) CHECK(difference(result, expected) == "");
}

TEST_CASE("a gradient buffer that a queue refers to is not handed out before the flush") {
  // Each step's dy must survive until the end although the walk takes many buffers of its size.
  us::ParameterSet<double> params;
  auto& w = params.add("w", {8, 8}, us::orthogonal());
  const auto run = [&](bool defer) {
    us::Tape<double> tape({.defer_products = defer});
    w.zero_grad();
    us::Var<double> h = tape.input(random_tensor({2, 8}, 3));
    for (int t = 0; t < 20; ++t) {
      h = tanh(matmul(h, w));
      for (int k = 0; k < 4; ++k) h = h * 1.5 + 0.125;
      tape.keep_grad(h);
    }
    tape.backward(sum(h * h));
    return us::test::doubles(w.grad());
  };
  CHECK(difference(run(true), run(false), {1e-11, 1e-11}) == "");
}

TEST_CASE("one parameter in several roles on one tape collects all of them") {
  us::ParameterSet<double> params(us::Seed{9});
  auto& w = params.add("w", {3, 3}, us::normal());
  const auto run = [&](bool defer, int roles) {
    us::Tape<double> tape({.defer_products = defer});
    w.zero_grad();
    us::Var<double> x = tape.input(random_tensor({2, 3}, 4)), total = tape.scalar(0);
    for (int t = 0; t < 3; ++t) {
      if ((roles & 1) != 0) total += sum(tanh(matmul(x, w)));
      if ((roles & 2) != 0) total += sum(tanh(matmul(x, w, false, true)));
      if ((roles & 4) != 0) total += sum(reshape(tape.parameter(w), std::vector<std::int64_t>{9}) * 2.0);
      if ((roles & 8) != 0) total += sum(embedding(tape.parameter(w), {2, 0, 2}) * 0.5);
      if ((roles & 16) != 0)
        total += sum(linear(x, w, reshape(slice(tape.parameter(w), 0, 1, 2), std::vector<std::int64_t>{3})));
    }
    tape.backward(total);
    return us::test::doubles(w.grad());
  };
  std::vector<double> sum_of_roles(9, 0.0);
  for (const int role : {1, 2, 4, 8, 16}) {
    const auto one = run(false, role);
    for (std::size_t i = 0; i < 9; ++i) sum_of_roles[i] += one[i];
    CHECK(difference(run(true, role), one) == "");
  }
  CHECK(difference(run(true, 31), sum_of_roles) == "");
  CHECK(difference(run(false, 31), sum_of_roles) == "");
}
