// The CTC decoders against the sum over every alignment there is.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ctc.hpp"

namespace us = unspool;
using namespace us::test;
using Labels = std::vector<std::int64_t>;

namespace {

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

double softmax_at(const us::Tensor<double>& logits, std::int64_t t, std::int64_t c) {
  const std::int64_t C = logits.shape()[2];
  double sum = 0;
  for (std::int64_t k = 0; k < C; ++k) sum += std::exp(logits[t * C + k]);
  return std::exp(logits[t * C + c]) / sum;
}

Labels collapsed(const Labels& alignment, std::int64_t blank) {
  Labels labels;
  for (std::size_t t = 0; t < alignment.size(); ++t)
    if (alignment[t] != blank && (t == 0 || alignment[t] != alignment[t - 1])) labels.push_back(alignment[t]);
  return labels;
}

struct Enumerated {
  std::map<Labels, double> sums;
  Labels best_alignment;
  double best = -1;
};

Enumerated enumerated(const us::Tensor<double>& logits, std::int64_t blank) {
  const std::int64_t T = logits.shape()[0], C = logits.shape()[2];
  Enumerated result;
  Labels alignment(place(T), 0);
  while (true) {
    double p = 1;
    for (std::int64_t t = 0; t < T; ++t) p *= softmax_at(logits, t, alignment[place(t)]);
    result.sums[collapsed(alignment, blank)] += p;
    if (p > result.best) result.best = p, result.best_alignment = alignment;
    std::int64_t t = 0;
    while (t < T && ++alignment[place(t)] == C) alignment[place(t++)] = 0;
    if (t == T) return result;
  }
}

}  // namespace

TEST_CASE("ctc_greedy_decode gives the labels of the most probable alignment") {
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (const std::int64_t blank : {0, 2}) {
      const us::Tensor<double> logits = random_tensor({5, 1, 3}, seed, -3, 3);
      const Enumerated expected = enumerated(logits, blank);
      const std::vector<us::CtcPath> paths = us::ctc_greedy_decode(logits, {5}, blank);
      REQUIRE(paths.size() == 1);
      CHECK(paths[0].labels == collapsed(expected.best_alignment, blank));
      CHECK(paths[0].log_prob == doctest::Approx(std::log(expected.best)).epsilon(1e-12));
    }
}

TEST_CASE("ctc_beam_decode with a beam for every prefix lists all label sequences with their exact probability") {
  for (std::int64_t T = 0; T <= 6; ++T) {
    const us::Tensor<double> logits = random_tensor({T, 1, 4}, static_cast<std::uint64_t>(T), -2, 2);
    const Enumerated expected = enumerated(logits, 1);
    const auto all = us::ctc_beam_decode(logits, {T}, {.width = 5000, .best = 5000, .blank = 1});
    REQUIRE(all.size() == 1);
    CHECK(all[0].size() == expected.sums.size());
    for (std::size_t i = 0; i < all[0].size(); ++i) {
      const auto found = expected.sums.find(all[0][i].labels);
      REQUIRE(found != expected.sums.end());
      CHECK(std::abs(all[0][i].log_prob - std::log(found->second)) <= 1e-12);
      if (i > 0) CHECK(all[0][i - 1].log_prob >= all[0][i].log_prob);
    }
  }
}

TEST_CASE("ctc_beam_decode finds labels that no single alignment favours") {
  // At both steps the blank has 0.6 and label 1 has 0.4: the best alignment is empty (0.36), but 1 has 0.64.
  const us::Tensor<double> logits({2, 1, 2}, {std::log(0.6), std::log(0.4), std::log(0.6), std::log(0.4)});
  CHECK(us::ctc_greedy_decode(logits, {2})[0].labels.empty());
  const auto paths = us::ctc_beam_decode(logits, {2}, {.width = 2})[0];
  REQUIRE(paths.size() == 1);
  CHECK(paths[0].labels == Labels{1});
  CHECK(paths[0].log_prob == doctest::Approx(std::log(0.64)));
}

TEST_CASE("a narrow beam never claims more probability than there is, and one that is wide enough loses none") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const us::Tensor<double> logits = random_tensor({6, 1, 4}, seed, -2, 2);
    const Enumerated expected = enumerated(logits, 0);
    double before = -inf;
    for (const std::int64_t width : {1, 2, 4, 16, 64, 1024}) {
      const auto paths = us::ctc_beam_decode(logits, {6}, {.width = width})[0];
      REQUIRE(paths.size() == 1);
      CHECK(paths[0].log_prob <= std::log(expected.sums.at(paths[0].labels)) + 1e-12);
      before = paths[0].log_prob;
    }
    const auto best = std::max_element(expected.sums.begin(), expected.sums.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    CHECK(std::abs(before - std::log(best->second)) <= 1e-12);
  }
}

TEST_CASE("the CTC decoders treat each row of a ragged batch as if it were alone") {
  const us::Tensor<double> logits = random_tensor({6, 3, 4}, 9, -3, 3);
  const std::vector<std::int64_t> lengths{6, 0, 4};
  const auto greedy = us::ctc_greedy_decode(logits, lengths);
  const auto beam = us::ctc_beam_decode(logits, lengths, {.width = 3, .best = 3});
  for (std::int64_t b = 0; b < 3; ++b) {
    const std::int64_t T = lengths[place(b)];
    us::Tensor<double> row({T, 1, 4});
    for (std::int64_t i = 0; i < T * 4; ++i) row[i] = logits[(i / 4 * 3 + b) * 4 + i % 4];
    const auto own = us::ctc_beam_decode(row, {T}, {.width = 3, .best = 3})[0];
    REQUIRE(own.size() == beam[place(b)].size());
    for (std::size_t i = 0; i < own.size(); ++i) {
      CHECK(own[i].labels == beam[place(b)][i].labels);
      CHECK(own[i].log_prob == beam[place(b)][i].log_prob);
    }
    CHECK(us::ctc_greedy_decode(row, {T})[0].labels == greedy[place(b)].labels);
  }
  CHECK(greedy[1].labels.empty());
  CHECK(greedy[1].log_prob == 0);
  REQUIRE(beam[1].size() == 1);
  CHECK(beam[1][0].labels.empty());
}

TEST_CASE("the CTC decoders reject what cannot be decoded") {
  const us::Tensor<double> logits({2, 1, 3});
  using us::ErrorCode;
  const auto code = [](auto call) { return error_from(call).code(); };
  CHECK(code([&] { us::ctc_greedy_decode(us::Tensor<double>({2, 3}), {2}); }) == ErrorCode::shape_mismatch);
  CHECK(code([&] { us::ctc_greedy_decode(logits, {2, 2}); }) == ErrorCode::shape_mismatch);
  CHECK(code([&] { us::ctc_greedy_decode(logits, {3}); }) == ErrorCode::bad_argument);
  CHECK(code([&] { us::ctc_greedy_decode(logits, {2}, 3); }) == ErrorCode::index_out_of_range);
  CHECK(code([&] { us::ctc_beam_decode(logits, {-1}); }) == ErrorCode::bad_argument);
  CHECK(code([&] { us::ctc_beam_decode(logits, {2}, {.width = 0}); }) == ErrorCode::bad_argument);
  CHECK(code([&] { us::ctc_beam_decode(logits, {2}, {.best = 0}); }) == ErrorCode::bad_argument);
  CHECK(code([&] { us::ctc_beam_decode(logits, {2}, {.blank = -1}); }) == ErrorCode::index_out_of_range);
  for (const double wrong : {not_a_number, inf}) {
    us::Tensor<double> bad = logits;
    bad[4] = wrong;
    CHECK(code([&] { us::ctc_greedy_decode(bad, {2}); }) == ErrorCode::nonfinite);
    CHECK(code([&] { us::ctc_beam_decode(bad, {2}); }) == ErrorCode::nonfinite);
    CHECK_NOTHROW(us::ctc_beam_decode(bad, {1}));
  }
  us::Tensor<double> nothing = logits;  // a step at which no class is possible leaves no labels at all
  for (std::int64_t c = 0; c < 3; ++c) nothing[c] = -inf;
  CHECK(us::ctc_beam_decode(nothing, {2})[0].empty());
  CHECK(us::ctc_greedy_decode(nothing, {2})[0].log_prob == -inf);
}
