// Which examples go where: batches of near-equal length, random orders, and the split into what is trained on and what
// is held out. All of it is a function of seeds, so that a run can be repeated.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/ids.hpp"
#include "unspool/random.hpp"

namespace unspool {

/// 0..count-1 in random order (Fisher and Yates); each epoch has its own. Throws bad_argument for a negative count.
UNSPOOL_API std::vector<std::int64_t> permutation(std::int64_t count, Seed seed, std::uint64_t epoch = 0);

struct BucketOptions {
  std::int64_t tokens = 0;  ///< the most steps of a batch, padding included: rows times longest; 0: no limit
  std::int64_t rows = 0;    ///< the most rows of a batch; 0: no limit
  Seed seed = {};
  std::uint64_t epoch = 0;  ///< another epoch mixes rows of equal length and the batches anew
  bool shuffle = true;      ///< false: batches from the shortest to the longest, rows in the order given
};

/// Batches of positions in `lengths`, each position once: rows of near-equal length together, as many as the budget
/// takes, the batches in random order. A row longer than the budget is a batch of its own. Throws bad_argument for a
/// negative length or limit, or when neither limit is given.
UNSPOOL_API std::vector<std::vector<std::int64_t>> bucket_by_length(const Ids& lengths, const BucketOptions& options);

struct SplitOptions {
  double validation = 0.1;  ///< fraction, 0..1
  double test = 0.1;        ///< fraction; what is left is trained on
  Seed seed = {};
};

struct Split {
  std::vector<std::int64_t> train, validation, test;  ///< positions in increasing order
};

enum class Part : std::uint8_t { train, validation, test };

/// Splits items 0..count-1. Where an item goes depends on the seed and its number alone: appending items moves none
/// (and so the sizes are the fractions only on average). Throws bad_argument for fractions below 0 or above 1 together.
UNSPOOL_API Split split(std::int64_t count, const SplitOptions& options = {});
/// The same by what an item is, a word or a file name: independent of order, and equal items stay together, so that
/// nothing that is held out was trained on.
UNSPOOL_API Split split(std::span<const std::string_view> keys, const SplitOptions& options = {});
/// Where one key goes.
UNSPOOL_API Part part_of(std::string_view key, const SplitOptions& options = {});
/// Exactly round(fraction * count) items for validation and for test: those that split() draws the lowest numbers for.
/// Appending items may move a few of the others.
UNSPOOL_API Split exact_split(std::int64_t count, const SplitOptions& options = {});

}  // namespace unspool
