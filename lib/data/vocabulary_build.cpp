// Counting units.
#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "data/unit_table.hpp"
#include "data/units.hpp"
#include "unspool/vocabulary.hpp"

namespace unspool {
namespace {

using Counted = detail::UnitTable::Entry;  // the value is the count

std::vector<Counted> counted(std::span<const std::string_view> texts, TextUnit kind) {
  detail::UnitTable longer;
  std::array<Counted, 256> single{};  // nearly all bytes and most characters: no look-up
  for (std::string_view text : texts)
    for (std::string_view unit = detail::first_unit(text, kind); !unit.empty(); unit = detail::first_unit(text, kind)) {
      if (unit.size() > 1) {
        ++longer[unit];
        continue;
      }
      Counted& one = single[static_cast<unsigned char>(unit[0])];
      one.unit = unit;
      ++one.value;
    }
  std::vector<Counted> all = longer.entries();
  for (const Counted& one : single)
    if (one.value > 0) all.push_back(one);
  return all;
}

}  // namespace

Vocabulary Vocabulary::build(std::span<const std::string_view> texts, const VocabularyOptions& options) {
  constexpr const char* op = "Vocabulary.build";
  detail::require(options.min_count >= 1, ErrorCode::bad_argument, op, "min_count must be at least 1; given {}",
                  options.min_count);
  Vocabulary result(options.unit, options.unknown, options.specials, op);
  detail::require(options.max_size == 0 || options.max_size > result.size(), ErrorCode::bad_argument, op,
                  "max_size must be 0 or leave room for a unit beside the {} unknown and special ids; given {}",
                  result.size(), options.max_size);
  std::vector<Counted> units = counted(texts, options.unit);
  std::erase_if(units, [&](const Counted& c) { return c.value < options.min_count; });
  std::sort(units.begin(), units.end(), [](const Counted& a, const Counted& b) {
    return a.value != b.value ? a.value > b.value : a.unit < b.unit;
  });
  for (const Counted& c : units) {
    if (options.max_size > 0 && result.size() == options.max_size) break;
    result.add(c.unit);
  }
  result.index(op);
  return result;
}

}  // namespace unspool
