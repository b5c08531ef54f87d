#include "unspool/batches.hpp"

#include <algorithm>
#include <numeric>

#include "base/check.hpp"

namespace unspool {
namespace {

using Positions = std::vector<std::int64_t>;

// Streams of one seed: an epoch's order of rows and its order of batches.
std::uint64_t stream(std::uint64_t epoch, std::uint64_t purpose) { return 2 * epoch + purpose; }

template <class Item>
void shuffle(std::vector<Item>& items, Random random) {
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i)))]);
}

void check(const Ids& lengths, const BucketOptions& o) {
  constexpr const char* op = "bucket_by_length";
  detail::require(o.tokens >= 0 && o.rows >= 0 && o.tokens + (o.rows > 0) > 0, ErrorCode::bad_argument, op,
                  "tokens or rows must be above 0; given {} and {}", o.tokens, o.rows);
  for (std::int64_t i = 0; i < lengths.size(); ++i)
    detail::require(lengths[i] >= 0, ErrorCode::bad_argument, op, "lengths must be at least 0; lengths[{}] is {}", i,
                    lengths[i]);
}

}  // namespace

std::vector<std::int64_t> permutation(std::int64_t count, Seed seed, std::uint64_t epoch) {
  detail::require(count >= 0, ErrorCode::bad_argument, "permutation", "count must be at least 0; given {}", count);
  Positions order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, Random(seed, stream(epoch, 0)));
  return order;
}

std::vector<std::vector<std::int64_t>> bucket_by_length(const Ids& lengths, const BucketOptions& options) {
  check(lengths, options);
  Positions order(static_cast<std::size_t>(lengths.size()));
  std::iota(order.begin(), order.end(), 0);
  if (options.shuffle) order = permutation(lengths.size(), options.seed, options.epoch);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return lengths[a] < lengths[b]; });
  std::vector<Positions> batches;
  for (const std::int64_t i : order) {  // each row is the longest so far
    const auto rows = batches.empty() ? 0 : static_cast<std::int64_t>(batches.back().size()) + 1;
    const bool fits = (options.rows == 0 || rows <= options.rows) &&
                      (options.tokens == 0 || lengths[i] == 0 || rows <= options.tokens / lengths[i]);
    if (batches.empty() || !fits) batches.emplace_back();
    batches.back().push_back(i);
  }
  if (options.shuffle) shuffle(batches, Random(options.seed, stream(options.epoch, 1)));
  return batches;
}

}  // namespace unspool
