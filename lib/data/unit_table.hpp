// UnitTable: numbers by unit, for the millions of look-ups that counting and encoding a long text make.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace unspool::detail {

/// An open-addressing hash table. The hash is keyed differently in every table, so no text can be written to make units
/// collide; nothing that is visible depends on the key. Units are views: their text must live as long as the table.
class UnitTable {
 public:
  struct Entry {
    std::string_view unit;
    std::int64_t value = 0;
  };

  explicit UnitTable(std::size_t expected = 0);

  /// The unit's number, 0 at first.
  std::int64_t& operator[](std::string_view unit);
  /// The unit's number, or -1 where it has none.
  std::int64_t find(std::string_view unit) const;
  /// In the order of their first mention.
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  // An entry's position + 1, and the upper half of its hash, which spares most comparisons. 0: free.
  using Slot = std::uint64_t;

  std::uint64_t hash(std::string_view unit) const noexcept;
  /// The slot of the unit, or the free one where it would go.
  std::size_t slot_of(std::string_view unit, std::uint64_t hashed) const noexcept;
  void grow();

  std::uint64_t key_[2];
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;  // a power of two of them, at most half of them taken
};

}  // namespace unspool::detail
