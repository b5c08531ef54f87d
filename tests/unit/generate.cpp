// Generating with the three ways to stop.
#include "unspool/generate.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"

namespace us = unspool;
using namespace us::test;
using Symbols = std::vector<std::int64_t>;

namespace {

/// Counts up to the number of symbols: each symbol is certainly followed by the next.
std::vector<double> next_number(int& calls, std::int64_t symbol) {
  ++calls;
  std::vector<double> logits(10, -inf);
  logits[static_cast<std::size_t>(symbol + 1)] = 0;
  return logits;
}

us::Generated counted(const us::GenerateOptions& options, int* calls = nullptr) {
  us::Sampler sampler;
  int state = 0;
  const us::Generated result = us::generate(state, next_number, sampler, options);
  if (calls != nullptr) *calls = state;
  return result;
}

/// Two equally likely symbols, and a coin that says whether to go on.
us::Generated tossed(double go_on, std::uint64_t seed, std::int64_t max_steps = 1000) {
  us::Sampler sampler({}, us::Seed{seed});
  int state = 0;
  const std::vector<double> logits{0, 0};
  const auto step = [&](int&, std::int64_t) { return us::Prediction<double>{logits, go_on}; };
  return us::generate(state, step, sampler, {.stop = us::Stop::by_coin(), .max_steps = max_steps});
}

}  // namespace

TEST_CASE("an end symbol stops, is not part of the result, and counts in its probability") {
  int calls = 0;
  const us::Generated result = counted({.stop = us::Stop::at(4)}, &calls);
  CHECK(result.symbols == Symbols{1, 2, 3});
  CHECK(result.stopped);
  CHECK(result.log_prob == 0);
  CHECK(calls == 4);
  us::Sampler sampler({}, us::Seed{1});
  int state = 0;
  const auto even = [](int&, std::int64_t) { return std::vector<float>{0, 0}; };
  const us::Generated fair = us::generate(state, even, sampler, {.stop = us::Stop::at(1)});
  CHECK(fair.stopped);
  CHECK(fair.log_prob == doctest::Approx(static_cast<double>(fair.symbols.size() + 1) * std::log(0.5)));
}

TEST_CASE("a predicted length stops after so many symbols, 0 included") {
  for (const std::int64_t length : {0, 1, 5}) {
    int calls = -1;
    const us::Generated result = counted({.start = 2, .stop = us::Stop::after(length)}, &calls);
    CHECK(static_cast<std::int64_t>(result.symbols.size()) == length);
    CHECK(result.stopped);
    CHECK(calls == length);
  }
}

TEST_CASE("a coin stops with the probability that the network gives") {
  double total = 0;
  constexpr int sequences = 4000;
  for (int i = 0; i < sequences; ++i)  // goes on with probability 3/4: 4 symbols on average, deviation sqrt(12)
    total += static_cast<double>(tossed(std::log(3.0), static_cast<std::uint64_t>(i)).symbols.size());
  CHECK(std::abs(total / sequences - 4) < 4 * std::sqrt(12.0 / sequences));
  CHECK(tossed(-inf, 1).symbols.size() == 1);
  const us::Generated endless = tossed(inf, 1, 20);
  CHECK(endless.symbols.size() == 20);
  CHECK(!endless.stopped);
}

TEST_CASE("whatever says when to stop, max_steps symbols are the most") {
  const us::Generated cut = counted({.stop = us::Stop::at(9), .max_steps = 3});
  CHECK(cut.symbols == Symbols{1, 2, 3});
  CHECK(!cut.stopped);
  CHECK(!counted({.stop = us::Stop::after(7), .max_steps = 3}).stopped);
  CHECK(counted({.stop = us::Stop::at(9), .max_steps = 0}).symbols.empty());
  CHECK(counted({.max_steps = 5}).symbols.size() == 5);
  CHECK(!counted({.max_steps = 5}).stopped);
}

TEST_CASE("a coin that nobody gives, negative lengths and limits are refused") {
  const auto code = [](const us::GenerateOptions& options) { return error_from([&] { counted(options); }).code(); };
  CHECK(code({.stop = us::Stop::by_coin()}) == us::ErrorCode::bad_argument);
  CHECK(code({.stop = us::Stop::after(-1)}) == us::ErrorCode::bad_argument);
  CHECK(code({.max_steps = -1}) == us::ErrorCode::bad_argument);
}

TEST_CASE("the same step generates and searches") {
  const us::BeamOptions options{.width = 3, .end = 6, .max_steps = 9};
  CHECK(us::beam_search(0, next_number, options)[0].symbols == Symbols{1, 2, 3, 4, 5});
}
