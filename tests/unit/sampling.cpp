// Sampling against the distribution it claims, and what there is to say about distributions that are none.
#include "unspool/sampling.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"

namespace us = unspool;
using namespace us::test;

namespace {

const std::vector<double> logits{0.5, -1, 2, 0, 1};

std::vector<double> softmax(std::vector<double> x) {
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v);
  for (double& v : x) v /= sum;
  return x;
}

/// The distance of 20,000 draws from the distribution, in chi-squared; impossible draws are infinite.
double chi_squared(const us::SamplingOptions& options, const std::vector<double>& x, const std::vector<double>& p) {
  constexpr int draws = 20000;
  us::Sampler sampler(options, us::Seed{17});
  std::vector<double> counts(p.size());
  for (int i = 0; i < draws; ++i) {
    const auto drawn = static_cast<std::size_t>(sampler(x));
    ++counts[drawn];
    if (std::abs(sampler.log_prob() - std::log(p[drawn])) > 1e-12) return inf;
  }
  double distance = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0 && counts[i] > 0) return inf;
    if (p[i] > 0) distance += (counts[i] - draws * p[i]) * (counts[i] - draws * p[i]) / (draws * p[i]);
  }
  return distance;
}

std::vector<double> scaled(double by) {
  std::vector<double> x = logits;
  for (double& v : x) v *= by;
  return softmax(x);
}

/// The distribution with only these symbols left.
std::vector<double> only(std::vector<double> p, std::initializer_list<std::size_t> kept) {
  std::vector<double> result(p.size());
  double sum = 0;
  for (const std::size_t i : kept) sum += p[i];
  for (const std::size_t i : kept) result[i] = p[i] / sum;
  return result;
}

constexpr double limit = 18.5;  // 4 degrees of freedom: 1 in 1000

us::ErrorCode code(us::SamplingOptions options, std::vector<double> x = logits) {
  return error_from([&] {
           us::Sampler sampler(options);
           sampler(x);
         })
      .code();
}

}  // namespace

TEST_CASE("symbols are drawn as often as temperature, top_k and top_p say") {
  CHECK(chi_squared({}, logits, scaled(1)) < limit);
  CHECK(chi_squared({.temperature = 0.5}, logits, scaled(2)) < limit);
  CHECK(chi_squared({.temperature = 4}, logits, scaled(0.25)) < limit);
  CHECK(chi_squared({.top_k = 2}, logits, only(scaled(1), {2, 4})) < limit);
  CHECK(chi_squared({.top_k = 99}, logits, scaled(1)) < limit);
  // Probabilities 0.56, 0.21, 0.13, ...: two reach 0.6, three reach 0.85.
  CHECK(chi_squared({.top_p = 0.6}, logits, only(scaled(1), {2, 4})) < limit);
  CHECK(chi_squared({.top_p = 0.85}, logits, only(scaled(1), {2, 4, 0})) < limit);
  CHECK(chi_squared({.top_p = 1e-9}, logits, only(scaled(1), {2})) == 0);
  // Of the two that top_k leaves, one has 0.73.
  CHECK(chi_squared({.top_k = 2, .top_p = 0.7}, logits, only(scaled(1), {2})) == 0);
  CHECK(chi_squared({.temperature = 0.5, .top_k = 3, .top_p = 0.99}, logits, only(scaled(2), {2, 4, 0})) < limit);
}

TEST_CASE("a symbol of logit -inf is never drawn, nor one beyond the k of equal logits") {
  CHECK(chi_squared({}, {-inf, 0, -inf, 0}, {0, 0.5, 0, 0.5}) < limit);
  CHECK(chi_squared({.top_k = 4}, {-inf, 0, -inf, 0}, {0, 0.5, 0, 0.5}) < limit);
  CHECK(chi_squared({.top_k = 2}, {1, 1, 1, 1}, {0.5, 0.5, 0, 0}) < limit);
  CHECK(chi_squared({.top_p = 0.5}, {1, 1, 1, 1}, {0.5, 0.5, 0, 0}) < limit);
}

TEST_CASE("temperature 0 and a temperature close to it take the most likely symbol, the first of equal ones") {
  CHECK(us::greedy(std::span<const double>(logits)) == 2);
  CHECK(us::greedy(std::span<const float>(std::vector<float>{1, 3, 3, 2})) == 1);
  us::Sampler cold({.temperature = 0}), tiny({.temperature = 1e-300});
  for (int i = 0; i < 100; ++i) {
    CHECK(cold(logits) == 2);
    CHECK(cold.log_prob() == 0);
    CHECK(tiny(logits) == 2);
  }
  CHECK(chi_squared({.temperature = 1e300}, logits, {0.2, 0.2, 0.2, 0.2, 0.2}) < limit);
  CHECK(chi_squared({.temperature = 1e-300}, {3, 1, 3}, {0.5, 0, 0.5}) < limit);
}

TEST_CASE("draws are a function of seed, stream and number") {
  const auto draws = [](std::uint64_t seed, std::uint64_t stream) {
    us::Sampler sampler({.top_p = 0.9}, us::Seed{seed}, stream);
    std::vector<std::int64_t> all;
    for (int i = 0; i < 50; ++i) all.push_back(sampler(logits));
    return all;
  };
  CHECK(draws(1, 0) == draws(1, 0));
  CHECK(draws(1, 0) != draws(2, 0));
  CHECK(draws(1, 0) != draws(1, 1));
}

TEST_CASE("a coin falls as its logit says, always at infinity") {
  us::Sampler sampler({}, us::Seed{4});
  int heads = 0;
  for (int i = 0; i < 20000; ++i) heads += sampler.coin(-1) ? 1 : 0;
  CHECK(std::abs(heads - 20000 / (1 + std::exp(1))) < 4 * std::sqrt(20000 * 0.27 * 0.73));
  for (int i = 0; i < 100; ++i) {
    CHECK(sampler.coin(inf));
    CHECK(!sampler.coin(-inf));
  }
  CHECK(error_from([&] { sampler.coin(not_a_number); }).code() == us::ErrorCode::nonfinite);
}

TEST_CASE("a sampler refuses options outside their ranges and logits that are no distribution") {
  using us::ErrorCode;
  for (const double wrong : {-0.1, inf, -inf, not_a_number}) {
    CHECK(code({.temperature = wrong}) == ErrorCode::bad_argument);
    CHECK(code({.top_p = wrong}) == ErrorCode::bad_argument);
  }
  CHECK(code({.top_p = 0}) == ErrorCode::bad_argument);
  CHECK(code({.top_p = 1.5}) == ErrorCode::bad_argument);
  CHECK(code({.top_k = -1}) == ErrorCode::bad_argument);
  for (const double temperature : {0.0, 1.0}) {
    CHECK(code({.temperature = temperature}, {}) == ErrorCode::bad_argument);
    CHECK(code({.temperature = temperature}, {-inf, -inf}) == ErrorCode::bad_argument);
    CHECK(code({.temperature = temperature}, {0, not_a_number}) == ErrorCode::nonfinite);
    CHECK(code({.temperature = temperature}, {inf, 0}) == ErrorCode::nonfinite);
  }
  CHECK(error_from([] { us::greedy(std::span<const double>()); }).code() == ErrorCode::bad_argument);
}
