// An op defined outside the library: its rule is written with xtensor expressions over the views it receives.
#include <doctest/doctest.h>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/uneven.hpp"
#include "unspool/extend.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"
#include "unspool/xtensor.hpp"

namespace us = unspool;
using us::test::error_from;
using us::test::rule_text;
using us::test::uneven_tensor;

namespace {

// Swish with one learned slope a feature: y = x sigmoid(b x), x [..., n], b [n].
//   dx = dy (s + b x s (1 - s)), db = sum over rows of dy x^2 s (1 - s), with s = sigmoid(b x), kept beside y.
struct Swish {
  static us::Shape infer(const us::InferArgs& a) {
    const us::Shape x = a.shape(0), b = a.shape(1);
    if (b.rank() != 1 || x.rank() < 1 || x[-1] != b[0])
      a.fail(us::ErrorCode::shape_mismatch, "the slopes must be one for each element of x's last axis");
    return x;
  }
  static std::int64_t saved(const us::InferArgs&, const us::Shape& y) { return y.size(); }

  template <class T>
  static void forward(const us::ForwardArgs<T>& a) {
    us::XtensorView<const T> x = as_xtensor(a.x(0)), b = as_xtensor(a.x(1));
    us::XtensorView<T> s = as_xtensor(like(a.saved(), a.y())), y = as_xtensor(a.y());
    xt::noalias(s) = 1 / (1 + xt::exp(-b * x));
    xt::noalias(y) = x * s;
  }

  template <class T>
  static void backward(const us::BackwardArgs<T>& a) {
    us::XtensorView<const T> x = as_xtensor(a.x(0)), b = as_xtensor(a.x(1)), dy = as_xtensor(a.dy());
    us::XtensorView<const T> s = as_xtensor(like(a.saved(), a.dy()));
    if (a.needs(0)) {
      us::XtensorView<T> dx = as_xtensor(a.dx(0).accumulator());
      dx += dy * (s + b * x * s * (1 - s));
    }
    if (a.needs(1)) {
      us::View<T> terms{a.temporary(a.dy().size), a.dy().extents, a.dy().size, a.dy().rank, us::owner_temporary};
      us::XtensorView<T> t = as_xtensor(terms);
      xt::noalias(t) = dy * x * x * s * (1 - s);
      a.dx(1).add_columns(terms);
    }
  }

 private:
  template <class V, class Like>
  static us::View<V> like(V* data, const us::View<Like>& shape) {
    return {data, shape.extents, shape.size, shape.rank};
  }
};

constinit const us::OpRule swish_rule =
    us::make_rule<Swish>({.name = "swish", .arity = 2, .reads = us::Reads::inputs, .samples = "[2,3] [3]; [3] [3]"});

template <us::Scalar T>
us::Var<T> swish(const us::Operand<T>& x, const us::Operand<T>& slope, us::Where where = us::Where::current()) {
  return us::record<T>(swish_rule, {x, slope}, {}, where);
}

// Written for one scalar type only, and without a derivative.
struct RoundToEighth {
  static void forward(const us::ForwardArgs<float>& a) {
    us::XtensorView<float> y = as_xtensor(a.y());
    y = xt::nearbyint(as_xtensor(a.x(0)) * 8) / 8;
  }
};

constinit const us::OpRule round_rule = us::make_rule<RoundToEighth>({.name = "round_to_eighth", .arity = 1});

// The sum of any number of operands, to see that none is dropped.
struct Total {
  template <class T>
  static void forward(const us::ForwardArgs<T>& a) {
    us::XtensorView<T> y = as_xtensor(a.y());
    y.fill(0);
    for (int i = 0; i < a.arity(); ++i) y += as_xtensor(a.x(i));
  }
  template <class T>
  static void backward(const us::BackwardArgs<T>& a) {
    for (int i = 0; i < a.arity(); ++i) a.dx(i).add(a.dy());
  }
};

constinit const us::OpRule total_rule =
    us::make_rule<Total>({.name = "total", .arity = -1, .reads = us::Reads::neither});

}  // namespace

TEST_CASE("a user-defined op has its value, and gradients that agree with finite differences") {
  us::Tape<double> tape;
  const us::Var y = swish(tape.input({2}, std::vector<double>{1, -2}), tape.input({2}, std::vector<double>{0.5, 3}));
  CHECK(y.values()[0] == doctest::Approx(1 / (1 + std::exp(-0.5))));
  CHECK(y.values()[1] == doctest::Approx(-2 / (1 + std::exp(6.0))));
  us::test::check_gradients({uneven_tensor({2, 2, 3}), uneven_tensor({3}, 1)},
                            [](auto&, const auto& v) { return swish(tanh(v[0]), v[1]); });
  us::test::check_gradients({uneven_tensor({3})}, [](auto&, const auto& v) { return swish(v[0], v[0]); });
}

TEST_CASE("a user-defined op takes parameters, whose gradients are queued like those of the library's ops") {
  us::ParameterSet<double> params(us::Seed{1});
  auto& slope = params.add("slope", {3}, us::ones());
  const auto gradient = [&](bool defer) {
    slope.zero_grad();
    us::Tape<double> tape(us::TapeOptions{.defer_products = defer});
    us::Var h = tape.input(uneven_tensor({2, 3}));
    for (int t = 0; t < 6; ++t) h = swish(h, slope);
    tape.backward(h, us::test::uneven_weights(6));
    CHECK(tape.stats().deferred_flushes == (defer ? 1 : 0));
    CHECK(tape.stats().deferred_entries == (defer ? 6 : 0));
    return std::vector<double>(slope.grad().begin(), slope.grad().end());
  };
  const std::vector<double> queued = gradient(true), at_once = gradient(false);
  for (std::size_t i = 0; i < 3; ++i) CHECK(queued[i] == doctest::Approx(at_once[i]).epsilon(1e-13));
}

TEST_CASE("what a user-defined op rejects reads like the library's errors and leaves the tape as it was") {
  us::Tape<float> tape;
  const us::Var x = tape.zeros({2, 3});
  const auto bytes = tape.stats().value_bytes;
  us::Error e = error_from([&] { swish(x, x); });
  CHECK(e.code() == us::ErrorCode::shape_mismatch);
  CHECK(e.op() == "swish");
  CHECK(rule_text(e) == "swish: the slopes must be one for each element of x's last axis; operands [2,3], [2,3]");
  CHECK(e.where().starts_with("at %1, user_op.cpp:"));
  e = error_from([&] { us::record<float>(swish_rule, {x}); });
  CHECK(e.code() == us::ErrorCode::bad_argument);
  CHECK(rule_text(e) == "swish: needs 2 operands; given 1 (E004)");
  CHECK(tape.stats().nodes == 1);
  CHECK(tape.stats().value_bytes == bytes);
}

TEST_CASE("an op written for float only is unsupported in double, and cuts the gradient in float") {
  us::Tape<double> doubles;
  const us::Error e = error_from([&] { us::record<double>(round_rule, {doubles.ones({2})}); });
  CHECK(e.code() == us::ErrorCode::unsupported);
  CHECK(rule_text(e) == "round_to_eighth: is not defined for float64; operands [2]");
  CHECK(doubles.stats().nodes == 1);

  us::Tape<float> tape;
  const us::Var x = tape.variable({2}, std::vector<float>{0.3f, 0.9f});
  const us::Var y = us::record<float>(round_rule, {x});
  CHECK(y.values()[0] == 0.25f);
  CHECK(y.values()[1] == 0.875f);
  CHECK(error_from([&] { tape.backward(y, std::vector<float>{1, 1}); }).code() == us::ErrorCode::no_gradient);
  tape.backward(y * x, std::vector<float>{1, 1});
  CHECK(x.grad()[0] == 0.25f);  // as if y were a constant
}

TEST_CASE("a user-defined op may have any number of operands") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({1}, std::vector<double>{2});
  const us::Var y = us::record<double>(total_rule, {x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x});
  CHECK(y.item() == 40);
  tape.backward(y);
  CHECK(x.grad()[0] == 20);
}

TEST_CASE("a user-defined op without infer is elementwise: its operands broadcast") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({3}, std::vector<double>{1, 2, 3});
  const us::Var y = tape.variable({2, 1}, std::vector<double>{10, 20});
  const us::Var z = tape.variable({}, std::vector<double>{100});
  const us::Var total = us::record<double>(total_rule, {x, y, z});
  CHECK(total.shape() == us::Shape{2, 3});
  CHECK(us::test::difference(total.values(), std::vector<double>{111, 112, 113, 121, 122, 123}) == "");
  tape.backward(sum(total));
  CHECK(us::test::difference(x.grad(), std::vector<double>{2, 2, 2}) == "");
  CHECK(us::test::difference(y.grad(), std::vector<double>{3, 3}) == "");
  CHECK(us::test::difference(z.grad(), std::vector<double>{6}) == "");
  const us::Var w = tape.ones({2});
  UNSPOOL_CHECK_ERROR(us::record<double>(total_rule, {x, w}), shape_mismatch,
                      "total: shapes must broadcast; operands [3], [2]; at %");
}
