// Rows of ids, and batches out of rows of any lengths.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "unspool/unspool.hpp"

namespace example {

namespace us = unspool;

using Ids = std::vector<std::int64_t>;

/// The ids of a text's units.
inline Ids encoded(const us::Vocabulary& vocabulary, std::string_view text) {
  const std::vector<std::int32_t> ids = vocabulary.encode(text);
  return Ids(ids.begin(), ids.end());
}

/// Number of entries.
std::int64_t count(const auto& entries) { return static_cast<std::int64_t>(entries.size()); }

/// Entry i of a vector, whatever integer i is.
auto& item(auto& entries, std::int64_t i) { return entries[static_cast<std::size_t>(i)]; }

/// Rows of ids of any lengths, padded to [T,B] time first, with their lengths.
struct Batch {
  Ids ids, lengths;
  std::int64_t steps = 0;

  void add(const Ids& row) {
    rows_.push_back(row);
    lengths.push_back(static_cast<std::int64_t>(row.size()));
    steps = std::max(steps, lengths.back());
  }
  const Batch& padded() {
    ids.assign(static_cast<std::size_t>(steps) * rows_.size(), 0);
    for (std::size_t b = 0; b < rows_.size(); ++b)
      for (std::size_t t = 0; t < rows_[b].size(); ++t) ids[t * rows_.size() + b] = rows_[b][t];
    return *this;
  }

 private:
  std::vector<Ids> rows_;
};

/// The items in another order, cut into batches of so many rows.
inline std::vector<Ids> shuffled(const Ids& items, std::int64_t rows, us::Seed seed, std::int64_t epoch) {
  std::vector<Ids> batches;
  const Ids order = us::permutation(count(items), seed, static_cast<std::uint64_t>(epoch));
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i % static_cast<std::size_t>(rows) == 0) batches.emplace_back();
    batches.back().push_back(item(items, order[i]));
  }
  return batches;
}

}  // namespace example
