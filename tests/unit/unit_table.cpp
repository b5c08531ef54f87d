#include "data/unit_table.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "unspool/random.hpp"

namespace us = unspool;
using us::detail::UnitTable;

TEST_CASE("a unit table counts as a map does, units of any length and bytes") {
  us::Random random(us::Seed{6});
  std::vector<std::string> units;
  for (int i = 0; i < 3000; ++i) {
    std::string unit;
    for (std::int64_t n = random.below(40); n > 0; --n) unit += static_cast<char>(random.below(3));
    units.push_back(unit);
  }
  UnitTable table;
  std::map<std::string, std::int64_t> expected;
  for (int round = 0; round < 3; ++round)
    for (const std::string& unit : units) ++table[unit], ++expected[unit];
  CHECK(table.entries().size() == expected.size());
  for (const auto& [unit, count] : expected) CHECK(table.find(unit) == count);
  for (const UnitTable::Entry& entry : table.entries()) CHECK(expected.at(std::string(entry.unit)) == entry.value);
  CHECK(table.find("not there") == -1);
  CHECK(UnitTable(1000).find("") == -1);
}

TEST_CASE("units that differ in one byte, in length or in zero bytes at the end are different") {
  UnitTable table;
  std::vector<std::string> units;
  for (std::size_t length = 0; length < 30; ++length) units.emplace_back(length, '\0');
  for (std::size_t at = 0; at < 30; ++at) units.emplace_back(30, '\0'), units.back()[at] = 1;
  for (std::size_t i = 0; i < units.size(); ++i) table[units[i]] = static_cast<std::int64_t>(i) + 1;
  CHECK(table.entries().size() == units.size());
  for (std::size_t i = 0; i < units.size(); ++i) CHECK(table.find(units[i]) == static_cast<std::int64_t>(i) + 1);
}
