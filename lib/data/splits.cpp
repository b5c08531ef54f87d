#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"
#include "unspool/batches.hpp"

namespace unspool {
namespace {

void check(const SplitOptions& o, std::int64_t count) {
  detail::require(o.validation >= 0 && o.test >= 0 && o.validation + o.test <= 1, ErrorCode::bad_argument, "split",
                  "validation and test must be fractions of at most 1 together; given {} and {}", o.validation, o.test);
  detail::require(count >= 0, ErrorCode::bad_argument, "split", "count must be at least 0; given {}", count);
}

// Streams of a seed that no permutation uses.
constexpr std::uint64_t split_streams = std::uint64_t{1} << 63;

/// Uniform in [0, 1), a function of the seed and the item's number.
double draw(Seed seed, std::uint64_t item) { return Random(seed, item | split_streams).uniform(); }

Part part(double drawn, const SplitOptions& o) {
  return drawn < o.test ? Part::test : drawn < o.test + o.validation ? Part::validation : Part::train;
}

// FNV-1a, 64 bits: where a key goes must never change, so it is spelt out here.
std::uint64_t hashed(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

std::vector<std::int64_t>& list_of(Split& split, Part part) {
  return part == Part::test ? split.test : part == Part::validation ? split.validation : split.train;
}

}  // namespace

Split split(std::int64_t count, const SplitOptions& options) {
  check(options, count);
  Split result;
  for (std::int64_t i = 0; i < count; ++i)
    list_of(result, part(draw(options.seed, static_cast<std::uint64_t>(i)), options)).push_back(i);
  return result;
}

Part part_of(std::string_view key, const SplitOptions& options) {
  check(options, 0);
  return part(draw(options.seed, hashed(key)), options);
}

Split split(std::span<const std::string_view> keys, const SplitOptions& options) {
  Split result;
  for (std::size_t i = 0; i < keys.size(); ++i)
    list_of(result, part_of(keys[i], options)).push_back(static_cast<std::int64_t>(i));
  return result;
}

Split exact_split(std::int64_t count, const SplitOptions& options) {
  check(options, count);
  std::vector<double> drawn;
  for (std::int64_t i = 0; i < count; ++i) drawn.push_back(draw(options.seed, static_cast<std::uint64_t>(i)));
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return drawn[static_cast<std::size_t>(a)] < drawn[static_cast<std::size_t>(b)];
  });
  const auto share = [&](double fraction) { return std::llround(fraction * static_cast<double>(count)); };
  const std::int64_t test = share(options.test),
                     held_out = std::min<std::int64_t>(count, test + share(options.validation));
  Split result;
  for (std::int64_t i = 0; i < count; ++i)
    list_of(result, i < test       ? Part::test
                    : i < held_out ? Part::validation
                                   : Part::train)
        .push_back(order[static_cast<std::size_t>(i)]);
  for (std::vector<std::int64_t>* list : {&result.train, &result.validation, &result.test})
    std::sort(list->begin(), list->end());
  return result;
}

}  // namespace unspool
