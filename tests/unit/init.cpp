#include "unspool/init.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::test::difference;
using Values = std::vector<double>;

namespace {

struct Moments {
  double mean = 0, deviation = 0, low = 1e300, high = -1e300;
};

Moments moments(const us::Init& init, const us::Shape& shape) {
  us::ParameterSet<double> params(us::Seed{11});
  const auto& p = params.add("p", shape, init);
  Moments m;
  double squares = 0;
  for (const double v : p.values()) {
    m.mean += v;
    squares += v * v;
    m.low = std::min(m.low, v);
    m.high = std::max(m.high, v);
  }
  const double n = static_cast<double>(p.size());
  m.mean /= n;
  m.deviation = std::sqrt(squares / n - m.mean * m.mean);
  return m;
}

// Uniform in ±bound: moments to five standard errors, and the bound is reached but not crossed.
void check_uniform(const us::Init& init, const us::Shape& shape, double bound) {
  const Moments m = moments(init, shape);
  const double n = static_cast<double>(shape.size());
  CHECK(std::abs(m.mean) < 5 * bound / std::sqrt(3 * n));
  CHECK(std::abs(m.deviation / (bound / std::sqrt(3.0)) - 1) < 5 / std::sqrt(n));
  CHECK(m.low >= -bound);
  CHECK(m.high <= bound);
  CHECK(m.high > 0.99 * bound);
  CHECK(m.low < -0.99 * bound);
}

void check_normal(const us::Init& init, const us::Shape& shape, double mean, double deviation) {
  const Moments m = moments(init, shape);
  const double n = static_cast<double>(shape.size());
  CHECK(std::abs(m.mean - mean) < 5 * deviation / std::sqrt(n));
  CHECK(std::abs(m.deviation / deviation - 1) < 5 / std::sqrt(2 * n));
  CHECK(m.high > mean + 3 * deviation);
}

// How far g times a matrix's smaller Gram matrix is from the identity.
double gram_error(const Values& q, std::int64_t rows, std::int64_t columns, double gain) {
  const bool tall = rows > columns;
  const std::int64_t n = tall ? columns : rows, length = tall ? rows : columns;
  double worst = 0;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double dot = 0;
      for (std::int64_t k = 0; k < length; ++k)
        dot += tall ? q[static_cast<std::size_t>(k * columns + i)] * q[static_cast<std::size_t>(k * columns + j)]
                    : q[static_cast<std::size_t>(i * columns + k)] * q[static_cast<std::size_t>(j * columns + k)];
      worst = std::max(worst, std::abs(dot - (i == j ? gain * gain : 0.0)));
    }
  return worst;
}

}  // namespace

TEST_CASE("initial values have the distribution that their formula says") {
  // [out, between, in]: fan_in = 30 * 4, fan_out = 100 * 4.
  const us::Shape shape{100, 4, 30};
  check_uniform(us::uniform(-0.3, 0.3), shape, 0.3);
  check_uniform(us::xavier_uniform(), shape, std::sqrt(6.0 / 520));
  check_uniform(us::xavier_uniform(2), {200, 100}, 2 * std::sqrt(6.0 / 300));
  check_uniform(us::kaiming_uniform(), shape, std::sqrt(6.0 / 120));
  check_uniform(us::kaiming_uniform(0.5), shape, std::sqrt(6.0 / (1.25 * 120)));
  check_normal(us::normal(2, 0.5), shape, 2, 0.5);
  check_normal(us::xavier_normal(), shape, 0, std::sqrt(2.0 / 520));
  check_normal(us::kaiming_normal(0.5), shape, 0, std::sqrt(2.0 / (1.25 * 120)));
}

TEST_CASE("constants, ones, zeros and the identity are exact") {
  us::ParameterSet<double> params;
  CHECK(difference(params.add("a", {3}, us::constant(0.1)).values(), Values{0.1, 0.1, 0.1}, us::test::exact) == "");
  CHECK(difference(params.add("b", {2}, us::ones()).values(), Values{1, 1}, us::test::exact) == "");
  CHECK(difference(params.add("c", {2}, us::zeros()).values(), Values{0, 0}, us::test::exact) == "");
  CHECK(difference(params.add("d", {2, 3}, us::identity(2)).values(), Values{2, 0, 0, 0, 2, 0}, us::test::exact) == "");
}

TEST_CASE("orthogonal matrices are orthogonal, tall, wide, square or of more axes, and not biased") {
  us::ParameterSet<double> params(us::Seed{3});
  CHECK(gram_error(us::test::doubles(params.add("s", {40, 40}, us::orthogonal()).values()), 40, 40, 1) < 1e-12);
  CHECK(gram_error(us::test::doubles(params.add("t", {40, 7}, us::orthogonal(1.5)).values()), 40, 7, 1.5) < 1e-12);
  CHECK(gram_error(us::test::doubles(params.add("w", {7, 40}, us::orthogonal()).values()), 7, 40, 1) < 1e-12);
  CHECK(gram_error(us::test::doubles(params.add("m", {6, 2, 5}, us::orthogonal()).values()), 6, 10, 1) < 1e-12);
  // Uniform over such matrices: each entry has mean 0 and variance 1/n. Without the signs of R's diagonal the first
  // diagonal entry would always have one sign.
  double mean = 0, variance = 0;
  const int draws = 2000;
  for (int i = 0; i < draws; ++i) {
    const double v = params.add("q" + std::to_string(i), {4, 4}, us::orthogonal()).values()[0];
    mean += v / draws;
    variance += v * v / draws;
  }
  CHECK(std::abs(mean) < 5 * 0.5 / std::sqrt(draws));
  CHECK(std::abs(variance - 0.25) < 5 * 0.25 * std::sqrt(2.0 / draws));
}

TEST_CASE("initial values depend on seed and name alone, not on order or company") {
  us::ParameterSet<double> one(us::Seed{1}), two(us::Seed{1}), other(us::Seed{2});
  one.add("a", {5}, us::normal());
  const auto& b1 = one.add("b", {5}, us::normal());
  const auto& b2 = two.add("b", {5}, us::normal());
  two.add("z", {100}, us::normal());
  const auto& a2 = two.add("a", {5}, us::normal());
  CHECK(difference(b1.values(), b2.values(), us::test::exact) == "");
  CHECK(difference(one["a"].values(), a2.values(), us::test::exact) == "");
  CHECK(difference(a2.values(), b2.values()) != "");
  CHECK(difference(other.add("b", {5}, us::normal()).values(), b1.values()) != "");
}

TEST_CASE("float parameters are the double ones rounded") {
  us::ParameterSet<double> wide(us::Seed{1});
  us::ParameterSet<float> narrow(us::Seed{1});
  const auto& d = wide.add("w", {6, 5}, us::orthogonal());
  const auto& f = narrow.add("w", {6, 5}, us::orthogonal());
  for (std::size_t i = 0; i < 30; ++i) CHECK(f.values()[i] == static_cast<float>(d.values()[i]));
}

TEST_CASE("an initialiser that does not fit the shape is refused, empty shapes are fine") {
  us::ParameterSet<double> params;
  UNSPOOL_CHECK_ERROR(params.add("v", {3}, us::orthogonal()), bad_argument,
                      "orthogonal: v must have two axes or more; shape is [3]");
  UNSPOOL_CHECK_ERROR(params.add("v", {3, 3, 3}, us::identity()), bad_argument,
                      "identity: v must have two axes; shape is [3,3,3]");
  CHECK(params.size() == 0);
  for (const us::Init& init : {us::orthogonal(), us::xavier_uniform(), us::kaiming_normal(), us::identity()})
    CHECK(params.add(std::to_string(static_cast<int>(init.kind)), {0, 3}, init).values().empty());
  CHECK(std::isfinite(params.add("scalar", {}, us::xavier_uniform()).values()[0]));
}
