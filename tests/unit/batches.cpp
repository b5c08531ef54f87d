// Batches, orders and splits: complete, repeatable, and where the documentation says so, stable.
#include "unspool/batches.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "support/caught.hpp"

namespace us = unspool;
using namespace us::test;
using Positions = std::vector<std::int64_t>;

namespace {

Positions lengths_of(std::int64_t count, std::uint64_t seed) {
  us::Random random(us::Seed{seed});
  Positions lengths;
  for (std::int64_t i = 0; i < count; ++i) lengths.push_back(random.below(60));
  return lengths;
}

Positions sorted(std::vector<Positions> lists) {
  Positions all;
  for (const Positions& list : lists) all.insert(all.end(), list.begin(), list.end());
  std::sort(all.begin(), all.end());
  return all;
}

Positions counting(std::int64_t count) {
  Positions all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("a permutation has every number once, and is a function of seed and epoch") {
  const Positions order = us::permutation(1000, us::Seed{1});
  CHECK(sorted({order}) == counting(1000));
  CHECK(order != counting(1000));
  CHECK(us::permutation(1000, us::Seed{1}) == order);
  CHECK(us::permutation(1000, us::Seed{2}) != order);
  CHECK(us::permutation(1000, us::Seed{1}, 1) != order);
  CHECK(us::permutation(0, us::Seed{1}).empty());
  CHECK(error_from([] { us::permutation(-1, us::Seed{1}); }).code() == us::ErrorCode::bad_argument);
}

TEST_CASE("every order of three is as likely as any other") {
  std::vector<int> counts(27);
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    const Positions order = us::permutation(3, us::Seed{seed});
    ++counts[static_cast<std::size_t>(order[0] * 9 + order[1] * 3 + order[2])];
  }
  double chi_squared = 0;
  for (const int place : {5, 7, 11, 15, 19, 21}) {
    const double excess = counts[static_cast<std::size_t>(place)] - 1000;
    chi_squared += excess * excess / 1000;
  }
  CHECK(chi_squared < 20.5);  // 5 degrees of freedom: 1 in 1000
}

TEST_CASE("buckets hold every row once, within the budget, rows of near-equal length together") {
  const Positions lengths = lengths_of(500, 3);
  for (const us::BucketOptions& options : {us::BucketOptions{.tokens = 300}, us::BucketOptions{.rows = 7},
                                           us::BucketOptions{.tokens = 100, .rows = 4, .seed = us::Seed{5}}}) {
    const std::vector<Positions> batches = us::bucket_by_length(lengths, options);
    CHECK(sorted(batches) == counting(500));
    std::int64_t padded = 0, real = 0;
    std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
    for (const Positions& batch : batches) {
      std::int64_t least = 1000, most = 0;
      for (const std::int64_t i : batch) {
        const std::int64_t length = lengths[static_cast<std::size_t>(i)];
        least = std::min(least, length), most = std::max(most, length);
        real += length;
      }
      const auto rows = static_cast<std::int64_t>(batch.size());
      CHECK((options.rows == 0 || rows <= options.rows));
      CHECK((options.tokens == 0 || rows == 1 || rows * most <= options.tokens));
      padded += rows * most;
      ranges.emplace_back(least, most);
    }
    std::sort(ranges.begin(), ranges.end());
    for (std::size_t i = 1; i < ranges.size(); ++i) CHECK(ranges[i - 1].second <= ranges[i].first);
    CHECK(static_cast<double>(padded) < 1.1 * static_cast<double>(real));
    CHECK(us::bucket_by_length(lengths, options) == batches);
  }
}

TEST_CASE("another epoch mixes the batches and the rows of equal length anew; without shuffling nothing is mixed") {
  const Positions lengths(64, 5);
  us::BucketOptions options{.tokens = 40};
  const auto first = us::bucket_by_length(lengths, options);
  options.epoch = 1;
  CHECK(us::bucket_by_length(lengths, options) != first);
  options.shuffle = false;
  const auto plain = us::bucket_by_length({3, 1, 2, 1, 3}, {.rows = 2, .shuffle = false});
  CHECK(plain == std::vector<Positions>{{1, 3}, {2, 0}, {4}});
}

TEST_CASE("a row beyond the budget is a batch of its own, rows without steps cost nothing, nothing gives nothing") {
  const auto batches = us::bucket_by_length({9, 0, 50, 0, 9}, {.tokens = 20, .shuffle = false});
  CHECK(batches == std::vector<Positions>{{1, 3}, {0, 4}, {2}});
  CHECK(us::bucket_by_length(us::Ids(), {.tokens = 20}).empty());
  const auto code = [](us::BucketOptions options, Positions lengths) {
    return error_from([&] { us::bucket_by_length(lengths, options); }).code();
  };
  CHECK(code({}, {1}) == us::ErrorCode::bad_argument);
  CHECK(code({.tokens = -1}, {1}) == us::ErrorCode::bad_argument);
  CHECK(code({.tokens = 1, .rows = -1}, {1}) == us::ErrorCode::bad_argument);
  CHECK(code({.tokens = 1}, {-1}) == us::ErrorCode::bad_argument);
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  CHECK(us::bucket_by_length({huge, huge, 1}, {.tokens = huge}).size() == 3);
}

TEST_CASE("a split holds every item once in the parts' shares, and appending items moves none") {
  const us::SplitOptions options{.validation = 0.1, .test = 0.2, .seed = us::Seed{9}};
  const us::Split few = us::split(5000, options), more = us::split(10000, options);
  CHECK(sorted({more.train, more.validation, more.test}) == counting(10000));
  CHECK(std::abs(static_cast<double>(more.test.size()) - 2000) < 160);  // 4 standard deviations
  CHECK(std::abs(static_cast<double>(more.validation.size()) - 1000) < 120);
  const auto first_part = [](const Positions& list) {
    return Positions(list.begin(), std::lower_bound(list.begin(), list.end(), 5000));
  };
  CHECK(first_part(more.train) == few.train);
  CHECK(first_part(more.validation) == few.validation);
  CHECK(first_part(more.test) == few.test);
  CHECK(us::split(5000, {.validation = 0.1, .test = 0.2, .seed = us::Seed{10}}).test != few.test);
  CHECK(us::split(0, options).train.empty());
  CHECK(us::split(100, {.validation = 0, .test = 0}).train == counting(100));
  CHECK(us::split(100, {.validation = 0, .test = 1}).test == counting(100));
}

TEST_CASE("a split by key depends on the key alone, so equal items are never on both sides") {
  const std::vector<std::string_view> keys{"ann", "bob", "cay", "ann", "dee", "bob"};
  const us::SplitOptions options{.validation = 0.3, .test = 0.3, .seed = us::Seed{2}};
  const us::Split split = us::split(keys, options);
  CHECK(sorted({split.train, split.validation, split.test}) == counting(6));
  for (const Positions* list : {&split.train, &split.validation, &split.test}) {
    const auto has = [&](std::int64_t i) { return std::find(list->begin(), list->end(), i) != list->end(); };
    CHECK(has(0) == has(3));
    CHECK(has(1) == has(5));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Positions& list = us::part_of(keys[i], options) == us::Part::test         ? split.test
                            : us::part_of(keys[i], options) == us::Part::validation ? split.validation
                                                                                    : split.train;
    CHECK(std::find(list.begin(), list.end(), static_cast<std::int64_t>(i)) != list.end());
  }
}

TEST_CASE("orders and splits are the same for ever: what was held out must stay held out") {
  CHECK(us::permutation(10, us::Seed{1}, 2) == Positions{2, 1, 5, 8, 6, 4, 0, 9, 3, 7});
  std::string parts;
  for (char c = 'a'; c <= 'z'; ++c)
    parts += "-vt"[static_cast<int>(
        us::part_of(std::string(1, c), {.validation = 0.25, .test = 0.25, .seed = us::Seed{1}}))];
  CHECK(parts == "-tt-v-vt-v----v--v-tvtv---");
}

TEST_CASE("an exact split has exactly the shares asked for") {
  for (const std::int64_t count : {0, 1, 7, 999, 1000}) {
    const us::Split split = us::exact_split(count, {.validation = 0.15, .test = 0.05, .seed = us::Seed{3}});
    CHECK(sorted({split.train, split.validation, split.test}) == counting(count));
    CHECK(static_cast<std::int64_t>(split.test.size()) == std::llround(0.05 * static_cast<double>(count)));
    CHECK(static_cast<std::int64_t>(split.validation.size()) == std::llround(0.15 * static_cast<double>(count)));
  }
  CHECK(us::exact_split(3, {.validation = 0.5, .test = 0.5}).train.empty());
}

TEST_CASE("a split rejects fractions that are none") {
  const auto code = [](us::SplitOptions options) { return error_from([&] { us::split(10, options); }).code(); };
  CHECK(code({.validation = -0.1}) == us::ErrorCode::bad_argument);
  CHECK(code({.validation = 0.6, .test = 0.6}) == us::ErrorCode::bad_argument);
  CHECK(code({.test = std::numeric_limits<double>::quiet_NaN()}) == us::ErrorCode::bad_argument);
  CHECK(error_from([] { us::split(-1); }).code() == us::ErrorCode::bad_argument);
  CHECK(error_from([] { us::exact_split(-1); }).code() == us::ErrorCode::bad_argument);
  CHECK(error_from([] { us::part_of("a", {.test = 2}); }).code() == us::ErrorCode::bad_argument);
}
