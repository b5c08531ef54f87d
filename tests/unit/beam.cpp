// Beam search against every sequence there is, over a small random model.
#include "unspool/beam.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "unspool/random.hpp"

namespace us = unspool;
using namespace us::test;
using Symbols = std::vector<std::int64_t>;

namespace {

/// A language model with a memory: the logits of the next symbol depend on everything read so far.
struct Model {
  std::int64_t symbols = 3;
  std::uint64_t seed = 1;

  std::vector<double> operator()(Symbols& read, std::int64_t symbol) const {
    read.push_back(symbol);
    std::uint64_t key = seed;
    for (const std::int64_t s : read) key = key * 1000003 + static_cast<std::uint64_t>(s) + 7;
    us::Random random(us::Seed{key});
    std::vector<double> logits;
    for (std::int64_t i = 0; i < symbols; ++i) logits.push_back(random.uniform(-2, 2));
    return logits;
  }
};

std::vector<double> log_probs(std::vector<double> logits) {
  double sum = 0;
  for (const double v : logits) sum += std::exp(v);
  for (double& v : logits) v -= std::log(sum);
  return logits;
}

/// Every hypothesis with at most max_steps symbols, scored.
void enumerate(const Model& model, Symbols read, Symbols spelled, double log_prob, const us::BeamOptions& o,
               std::vector<us::Hypothesis>& all) {
  const std::vector<double> next = log_probs(model(read, spelled.empty() ? o.start : spelled.back()));
  const auto length = static_cast<double>(spelled.size() + 1);
  for (std::int64_t s = 0; s < model.symbols; ++s) {
    const double sum = log_prob + next[static_cast<std::size_t>(s)], score = sum / std::pow(length, o.length_penalty);
    Symbols longer = spelled;
    if (s != o.end) longer.push_back(s);
    if (s == o.end || static_cast<std::int64_t>(longer.size()) == o.max_steps)
      all.push_back({longer, sum, score, s == o.end});
    else
      enumerate(model, read, longer, sum, o, all);
  }
}

std::vector<us::Hypothesis> enumerated(const Model& model, const us::BeamOptions& o) {
  std::vector<us::Hypothesis> all;
  enumerate(model, {}, {}, 0, o, all);
  std::stable_sort(all.begin(), all.end(), [](const us::Hypothesis& a, const us::Hypothesis& b) {
    return a.complete != b.complete ? a.complete : a.score > b.score;
  });
  return all;
}

us::ErrorCode code(const us::BeamOptions& options, std::vector<double> logits = {0, 0, 0}) {
  return error_from([&] {
           us::beam_search(
               0, [&](int&, std::int64_t) { return logits; }, options);
         })
      .code();
}

}  // namespace

TEST_CASE("a beam as wide as there are beginnings finds the best sequences of all, in order") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed)
    for (const double penalty : {0.0, 0.7, 1.0, 2.0}) {
      const Model model{3, seed};
      const us::BeamOptions options{
          .width = 64, .end = 2, .max_steps = 5, .length_penalty = penalty, .best = 10, .early = false};
      const std::vector<us::Hypothesis> expected = enumerated(model, options);
      const std::vector<us::Hypothesis> found = us::beam_search(Symbols(), model, options);
      REQUIRE(found.size() == 10);
      for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i].symbols == expected[i].symbols);
        CHECK(std::abs(found[i].log_prob - expected[i].log_prob) <= 1e-12);
        CHECK(std::abs(found[i].score - expected[i].score) <= 1e-12);
        CHECK(found[i].complete == expected[i].complete);
      }
    }
}

TEST_CASE("without a length penalty stopping early changes nothing") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    us::BeamOptions options{.width = 4, .end = 0, .max_steps = 12, .length_penalty = 0, .best = 3};
    const auto early = us::beam_search(Symbols(), Model{4, seed}, options);
    options.early = false;
    const auto late = us::beam_search(Symbols(), Model{4, seed}, options);
    REQUIRE(early.size() == late.size());
    for (std::size_t i = 0; i < early.size(); ++i) CHECK(early[i].symbols == late[i].symbols);
  }
}

TEST_CASE("a beam of one follows the most likely symbol") {
  const Model model{4, 5};
  const us::Hypothesis found = us::beam_search(Symbols(), model, {.width = 1, .max_steps = 6})[0];
  Symbols read, expected;
  std::int64_t last = 0;
  for (int i = 0; i < 6; ++i) {
    const std::vector<double> logits = model(read, last);
    last = std::max_element(logits.begin(), logits.end()) - logits.begin();
    expected.push_back(last);
  }
  CHECK(found.symbols == expected);
  CHECK(!found.complete);
}

TEST_CASE("the length penalty decides between a short result and a long one") {
  // Ending at once has probability 0.4; going on five times and then ending 0.6 * 0.9^4 * 1 = 0.39.
  const auto step = [](int& time, std::int64_t) {
    ++time;
    return time == 1  ? std::vector<double>{std::log(0.6), std::log(0.4)}
           : time < 6 ? std::vector<double>{std::log(0.9), std::log(0.1)}
                      : std::vector<double>{-inf, 0.0};
  };
  us::BeamOptions options{.width = 2, .end = 1, .max_steps = 10, .length_penalty = 0};
  CHECK(us::beam_search(0, step, options)[0].symbols.empty());
  options.length_penalty = 1;
  CHECK(us::beam_search(0, step, options)[0].symbols.size() == 5);
}

TEST_CASE("what could not be completed comes after what could, and nothing possible gives nothing") {
  // Only symbol 0 leads on and nothing ever ends.
  const auto endless = [](int&, std::int64_t) { return std::vector<float>{0.0f, -INFINITY}; };
  const auto cut = us::beam_search(0, endless, {.width = 2, .end = 1, .max_steps = 3, .best = 2});
  REQUIRE(cut.size() == 1);
  CHECK(cut[0].symbols == Symbols{0, 0, 0});
  CHECK(!cut[0].complete);
  CHECK(cut[0].log_prob == 0);
  const auto nothing = [](int&, std::int64_t) { return std::vector<double>{-inf, -inf}; };
  CHECK(us::beam_search(0, nothing, {.width = 2, .max_steps = 3}).empty());
  // More beams than symbols.
  CHECK(us::beam_search(0, endless, {.width = 50, .max_steps = 2, .best = 50}).size() == 1);
}

TEST_CASE("a model that computes all live hypotheses as one batch gets the same results") {
  const Model model{3, 9};
  const us::BeamOptions options{.width = 3, .end = 2, .max_steps = 6, .best = 3};
  us::BeamSearch search(options);
  std::vector<Symbols> states{{}};
  while (!search.done()) {
    std::vector<double> logits;
    for (std::size_t i = 0; i < states.size(); ++i)
      for (const double v : model(states[i], search.symbols()[i])) logits.push_back(v);
    search.advance(std::span<const double>(logits));
    std::vector<Symbols> next;
    for (const std::int64_t parent : search.parents()) next.push_back(states[static_cast<std::size_t>(parent)]);
    states = next;
  }
  const auto expected = us::beam_search(Symbols(), model, options), found = search.results();
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].symbols == expected[i].symbols);
  const std::vector<double> more{0, 0, 0};
  CHECK(error_from([&] { search.advance(std::span<const double>(more)); }).code() == us::ErrorCode::bad_argument);
}

TEST_CASE("wrong beam sizes and logits are refused") {
  using us::ErrorCode;
  CHECK(code({.width = 0, .max_steps = 1}) == ErrorCode::bad_argument);
  CHECK(code({.width = -3, .max_steps = 1}) == ErrorCode::bad_argument);
  CHECK(code({.max_steps = 0}) == ErrorCode::bad_argument);
  CHECK(code({.width = 2, .max_steps = 1, .best = 3}) == ErrorCode::bad_argument);
  CHECK(code({.max_steps = 1, .best = 0}) == ErrorCode::bad_argument);
  CHECK(code({.end = -2, .max_steps = 1}) == ErrorCode::bad_argument);
  CHECK(code({.max_steps = 1, .length_penalty = -1}) == ErrorCode::bad_argument);
  CHECK(code({.max_steps = 1, .length_penalty = inf}) == ErrorCode::bad_argument);
  CHECK(code({.end = 3, .max_steps = 1}) == ErrorCode::index_out_of_range);
  CHECK(code({.max_steps = 1}, {}) == ErrorCode::shape_mismatch);
  CHECK(code({.max_steps = 1}, {0, std::nan("")}) == ErrorCode::nonfinite);
  CHECK(code({.max_steps = 1}, {0, inf}) == ErrorCode::nonfinite);
  us::BeamSearch search({.width = 2, .max_steps = 4});
  const std::vector<double> two{0, 0}, three{0, 0, 0};
  search.advance(std::span<const double>(two));
  REQUIRE(search.live() == 2);
  CHECK(error_from([&] { search.advance(std::span<const double>(three)); }).code() == ErrorCode::shape_mismatch);
}
