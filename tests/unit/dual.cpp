// Duals: arithmetic, functions, kernels and the matrix product carry the derivative along.
#include "unspool/dual.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "tensor/gemm.hpp"
#include "tensor/reference.hpp"
#include "unspool/extend.hpp"
#include "unspool/maths.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
namespace maths = us::maths;
using us::test::close;
using us::test::inf;
using us::test::Tolerance;
using D = us::Dual<double>;

namespace {

/// f on duals against f on doubles and its five-point difference, at a point moving with speed 0.7.
template <class F>
void check_slope(F f, double x) {
  const D y = f(D(x, 0.7));
  const double h = 1e-3;
  const double slope = (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
  CAPTURE(x);
  CHECK(close(y.value, f(x), {1e-15, 1e-15}));
  CHECK_MESSAGE(close(y.tangent, 0.7 * slope, {1e-9, 1e-8}), y.tangent, " and not ", 0.7 * slope);
}

}  // namespace

TEST_CASE("arithmetic on duals follows the rules of differentiation") {
  for (const double x : {-1.3, 0.4, 2.0}) {
    check_slope([](auto v) { return v * v + 3 * v - 2; }, x);
    check_slope([](auto v) { return (1 - v) / (2 + v * v); }, x);
    check_slope([](auto v) { return 5 / v - v / 4 + (-v); }, x);
    check_slope(
        [](auto v) {
          auto sum = v * 2;
          sum += v, sum -= v * v, sum *= v, sum /= 1 + v * v;
          return sum;
        },
        x);
  }
}

TEST_CASE("functions of duals have the slopes of the functions") {
  for (const double x : {0.3, 1.0, 2.5}) {
    check_slope([](auto v) { return maths::log(v); }, x);
    check_slope([](auto v) { return maths::sqrt(v); }, x);
    check_slope([](auto v) { return maths::pow(v, 2.5); }, x);
    check_slope([](auto v) { return maths::pow(v, v); }, x);
  }
  for (const double x : {-2.0, -0.3, 0.0, 0.6, 3.0}) {
    check_slope([](auto v) { return maths::exp(v); }, x);
    check_slope([](auto v) { return maths::expm1(v); }, x);
    check_slope([](auto v) { return maths::log1p(v * v); }, x);
    check_slope([](auto v) { return maths::tanh(v); }, x);
    check_slope([](auto v) { return maths::sigmoid(v); }, x);
    check_slope([](auto v) { return maths::softplus(v); }, x);
    check_slope([](auto v) { return maths::sin(v) * maths::cos(v); }, x);
    check_slope([](auto v) { return maths::erfc(v); }, x);
    check_slope([](auto v) { return maths::pow(v, 3.0); }, x);
  }
}

TEST_CASE("the idiom that finds std's functions finds those of duals") {
  const auto f = [](auto v) {
    using std::exp;
    return exp(v);
  };
  CHECK(f(D(0, 2)).tangent == 2);
  CHECK(f(0.0) == 1);
}

TEST_CASE("at a kink the tangent is that of the rule's gradient, and a constant has none even at a pole") {
  CHECK(maths::abs(D(0, 3)).tangent == 0);
  CHECK(maths::abs(D(-2, 3)).tangent == -3);
  CHECK(maths::pow(D(0, 1), 0.0).tangent == 0);
  CHECK(maths::log(D(0)).value == -inf);
  CHECK(maths::log(D(0)).tangent == 0);
  CHECK(maths::sqrt(D(0)).tangent == 0);
  CHECK(maths::sqrt(D(0, 1)).tangent == inf);
  CHECK(maths::exp(D(-inf, 1)).tangent == 0);
  const D infinite(inf, 1);
  CHECK((infinite * 2.0).tangent == 2);  // and not 0 * infinity
  CHECK((infinite + 1).value == inf);
  CHECK(maths::isinf(infinite));
  CHECK(maths::isnan(D(std::nan(""), 0)));
  CHECK(D(1, 5) == D(1, 7));
  CHECK(D(1, 5) < 2);
  CHECK(std::numeric_limits<D>::infinity() == inf);
}

TEST_CASE("a product of duals is the product of the values and, for the tangents, the product rule") {
  us::Random random(us::Seed{4});
  us::kernels::Workspace workspace;
  for (const auto& [m, n, k] : {std::array{1, 5, 3}, std::array{7, 4, 9}, std::array{3, 33, 300}, std::array{40, 1, 2},
                                std::array{2, 3, 0}, std::array{0, 3, 2}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const bool accumulate : {false, true})
          for (const int constants : {0, 1, 2, 3}) {
            const std::int64_t lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3;
            const auto matrix = [&](std::int64_t size, bool constant) {
              std::vector<D> x;
              for (std::int64_t i = 0; i < size; ++i)
                x.emplace_back(random.uniform(-1, 1), constant ? 0 : random.uniform(-1, 1));
              return x;
            };
            const std::vector<D> a = matrix((ta ? k : m) * lda, (constants & 1) != 0);
            const std::vector<D> b = matrix((tb ? n : k) * ldb, (constants & 2) != 0);
            std::vector<D> c = matrix(m * ldc, false), expected = c;
            for (std::int64_t i = 0; i < m; ++i)
              for (std::int64_t j = 0; j < n; ++j) {
                D sum = accumulate ? expected[static_cast<std::size_t>(i * ldc + j)] : D(0);
                for (std::int64_t p = 0; p < k; ++p)
                  sum += a[static_cast<std::size_t>(ta ? p * lda + i : i * lda + p)] *
                         b[static_cast<std::size_t>(tb ? j * ldb + p : p * ldb + j)];
                expected[static_cast<std::size_t>(i * ldc + j)] = sum;
              }
            us::kernels::gemm<D>(ta, tb, m, n, k, a.data(), lda, b.data(), ldb, accumulate, c.data(), ldc, workspace);
            bool same = true;
            for (std::size_t i = 0; i < c.size(); ++i)
              same = same && close(c[i].value, expected[i].value, {1e-12, 1e-12}) &&
                     close(c[i].tangent, expected[i].tangent, {1e-12, 1e-12});
            CAPTURE(m);
            CAPTURE(n);
            CHECK(same);
          }
}

TEST_CASE("duals by a packed parameter have the bits of duals by a plain tensor, with tangents or without") {
  us::Random random(us::Seed{6});
  for (const bool constant : {true, false})
    for (const std::int64_t rows : {1, 3, 20})
      for (const bool transposed : {true, false}) {
        us::ParameterSet<D> params;
        us::Parameter<D>& w = params.add("w", {9, 9}, us::uniform(-1, 1));
        if (!constant)
          for (D& v : w.mutable_values()) v.tangent = random.uniform(-1, 1);
        us::Tape<D> tape;
        const us::Var<D> plain = tape.input({9, 9}, w.values());
        us::Tensor<D> x({rows, 9});
        for (D& v : x.values()) v = D(random.uniform(-1, 1), random.uniform(-1, 1));
        const us::Var<D> h = tape.input(x);
        for (int use = 0; use < 3; ++use) {  // packed from the second use on
          const us::Var<D> a = matmul(h, w, false, transposed), b = matmul(h, plain, false, transposed);
          for (std::size_t i = 0; i < a.values().size(); ++i) {
            CHECK(a.values()[i].value == b.values()[i].value);
            CHECK(a.values()[i].tangent == b.values()[i].tangent);
          }
        }
        CHECK(tape.stats().packed_bytes > 0);
      }
}

TEST_CASE("the kernels of duals agree with the loops they stand for") {
  const auto& tuned = us::kernels::dual_table();
  const auto& plain = us::kernels::reference_table<D>();
  us::Random random(us::Seed{5});
  const auto duals = [&](std::int64_t count) {
    std::vector<D> x;
    for (std::int64_t i = 0; i < count; ++i) x.emplace_back(random.uniform(-4, 4), random.uniform(-1, 1));
    return x;
  };
  const auto same = [](const std::vector<D>& a, const std::vector<D>& b) {
    bool all = a.size() == b.size();
    for (std::size_t i = 0; all && i < a.size(); ++i)
      all = close(a[i].value, b[i].value, {1e-14, 1e-14}) && close(a[i].tangent, b[i].tangent, {1e-14, 1e-13});
    return all;
  };
  for (const std::int64_t n : {0, 1, 7, 256, 300}) {
    const std::vector<D> x = duals(n);
    for (const auto kernel : {&us::kernels::KernelTable<D>::exp, &us::kernels::KernelTable<D>::tanh,
                              &us::kernels::KernelTable<D>::sigmoid}) {
      std::vector<D> given(x.size()), expected(x.size());
      (tuned.*kernel)(n, x.data(), given.data());
      (plain.*kernel)(n, x.data(), expected.data());
      CHECK(same(given, expected));
    }
  }
  constexpr std::int64_t B = 3, H = 5;
  const std::vector<D> xg = duals(B * 4 * H), hg = duals(B * 3 * H), bias = duals(4 * H), before = duals(B * H);
  std::vector<D> results[2];
  for (int k = 0; k < 2; ++k) {
    const auto& table = k == 0 ? tuned : plain;
    std::vector<D> gates = xg, c(B * H), h(B * H), n(B * H);
    table.lstm_forward(B, H, gates.data(), bias.data(), before.data(), c.data(), h.data());
    for (const auto& part : {gates, c, h}) results[k].insert(results[k].end(), part.begin(), part.end());
    gates = xg;
    table.gru_forward(B, H, gates.data(), hg.data(), bias.data(), before.data(), gates.data(), n.data(), h.data());
    for (const auto& part : {gates, n, h}) results[k].insert(results[k].end(), part.begin(), part.end());
  }
  CHECK(same(results[0], results[1]));
}

TEST_CASE("a tape of duals takes real data as constants") {
  us::Tape<D> tape;
  const std::vector<float> narrow{1, 2};
  const std::vector<double> wide{1, 2};
  for (const us::Var<D>& x : {tape.input({2}, narrow), tape.input({2}, wide),
                              tape.input(us::Tensor<float>({2}, narrow)), tape.input(us::Tensor<double>({2}, wide))}) {
    CHECK(x.values()[1].value == 2);
    CHECK(x.values()[1].tangent == 0);
  }
  UNSPOOL_CHECK_ERROR(tape.input({3}, wide), shape_mismatch, "holds 3 values; given 2");
}

namespace {

struct RealOnly {
  template <class T>
  static void forward(const us::ForwardArgs<T>& a) {
    us::map(a.x(0), a.y(), [](T x) { return std::cbrt(x); });
  }
};
constinit const us::OpRule real_only = us::make_rule<RealOnly, float, double>({.name = "cube_root"});

}  // namespace

TEST_CASE("an op without a rule for duals says so") {
  us::Tape<double> plain;
  CHECK(us::record<double>(real_only, {plain.scalar(8)}).item() == doctest::Approx(2));
  us::Tape<D> tape;
  const us::Var<D> x = tape.scalar(8);
  UNSPOOL_CHECK_ERROR(us::record<D>(real_only, {x}), unsupported, "cube_root: is not defined for dual64");
}

TEST_CASE("a reopened set gives what it has, and refuses another shape") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::ones());
  UNSPOOL_CHECK_ERROR(params.add("w", {2}, us::zeros()), duplicate_name, "already one named \"w\"");
  params.reopen();
  CHECK(&params.add("w", {2}, us::zeros()) == &w);
  CHECK(w.values()[0] == 1);
  UNSPOOL_CHECK_ERROR(params.add("w", {3}, us::zeros()), shape_mismatch, "\"w\" is [2]; asked for as [3]");
  CHECK(params.add("new", {1}, us::zeros()).size() == 1);
}
