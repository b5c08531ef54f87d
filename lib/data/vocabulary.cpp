#include "unspool/vocabulary.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "data/unit_table.hpp"
#include "data/units.hpp"

namespace unspool {
namespace {

constexpr std::int64_t most_ids = std::int64_t{1} << 31;

// Enough of a unit to recognise it: an error must not print a gigabyte.
std::string shown(std::string_view unit) {
  constexpr std::size_t most = 40;
  return unit.size() <= most ? fmt::format("{:?}", unit)
                             : fmt::format("{:?}... ({} bytes)", unit.substr(0, most), unit.size());
}

}  // namespace

Vocabulary::Vocabulary(TextUnit unit, const std::string& unknown, std::span<const std::string> specials,
                       std::string_view op)
    : unit_(unit) {
  detail::UnitTable seen(specials.size() + 1);
  if (!unknown.empty()) {
    unknown_ = 0;
    add(unknown);
    ++seen[unknown];
  }
  for (const std::string& name : specials) {
    detail::require(!name.empty(), ErrorCode::bad_argument, op, "special names must not be empty");
    if (++seen[name] > 1)
      detail::fail(ErrorCode::bad_argument, op, "special names must differ; {} is there twice", shown(name));
    add(name);
  }
  first_unit_ = size();
}

Vocabulary::Vocabulary(std::span<const std::string> units, const VocabularyOptions& options)
    : Vocabulary(options.unit, options.unknown, options.specials, "Vocabulary") {
  for (const std::string& unit : units) add(unit);
  index("Vocabulary");
}

void Vocabulary::add(std::string_view symbol) {
  detail::require(size() < most_ids, ErrorCode::bad_argument, "Vocabulary", "can have {} ids at most", most_ids);
  bytes_ += symbol;
  ends_.push_back(static_cast<std::int64_t>(bytes_.size()));
}

std::string_view Vocabulary::at(std::int64_t id) const noexcept {
  const auto i = static_cast<std::size_t>(id);
  const auto begin = i == 0 ? 0 : static_cast<std::size_t>(ends_[i - 1]);
  return {bytes_.data() + begin, static_cast<std::size_t>(ends_[i]) - begin};
}

void Vocabulary::index(std::string_view op) {
  single_.fill(-1);
  for (std::int64_t id = first_unit_; id < size(); ++id) {
    std::string_view rest = at(id);
    const std::string_view first = detail::first_unit(rest, unit_);
    detail::require(!first.empty() && first == at(id), ErrorCode::bad_argument, op,
                    "each symbol must be exactly one unit; that of id {} is {}", id, shown(at(id)));
    sorted_.push_back(static_cast<std::int32_t>(id));
  }
  std::sort(sorted_.begin(), sorted_.end(), [&](std::int32_t a, std::int32_t b) { return at(a) < at(b); });
  const auto twice = std::adjacent_find(sorted_.begin(), sorted_.end(),
                                        [&](std::int32_t a, std::int32_t b) { return at(a) == at(b); });
  if (twice != sorted_.end())
    detail::fail(ErrorCode::bad_argument, op, "symbols must differ; {} has the ids {} and {}", shown(at(*twice)),
                 std::min(twice[0], twice[1]), std::max(twice[0], twice[1]));
  for (const std::int32_t id : sorted_)
    if (at(id).size() == 1) single_[static_cast<unsigned char>(at(id)[0])] = id;
}

std::int64_t Vocabulary::id(std::string_view unit) const noexcept {
  std::int64_t found = -1;
  if (unit.size() == 1) {
    found = single_[static_cast<unsigned char>(unit[0])];
  } else {
    const auto place = std::lower_bound(sorted_.begin(), sorted_.end(), unit,
                                        [&](std::int32_t id, std::string_view wanted) { return at(id) < wanted; });
    if (place != sorted_.end() && at(*place) == unit) found = *place;
  }
  return found >= 0 ? found : unknown_;
}

std::int64_t Vocabulary::special(std::string_view name) const {
  for (std::int64_t id = 0; id < first_unit_; ++id)
    if (at(id) == name) return id;
  detail::fail(ErrorCode::bad_argument, "Vocabulary.special", "the name must be one of the special ones; given {}",
               shown(name));
}

std::string_view Vocabulary::symbol(std::int64_t id) const {
  detail::require(id >= 0 && id < size(), ErrorCode::index_out_of_range, "Vocabulary.symbol",
                  "ids must be in 0..{}; given {}", size() - 1, id);
  return at(id);
}

std::vector<std::int32_t> Vocabulary::encode(std::string_view text) const {
  // Searching costs log V cache misses a unit; a table costs V insertions and then one.
  const bool tabled = text.size() / 16 > static_cast<std::size_t>(size());
  detail::UnitTable table(tabled ? sorted_.size() : 0);
  for (std::size_t i = 0; tabled && i < sorted_.size(); ++i) table[at(sorted_[i])] = sorted_[i];
  std::vector<std::int32_t> ids;
  std::string_view rest = text;
  for (std::string_view unit = detail::first_unit(rest, unit_); !unit.empty(); unit = detail::first_unit(rest, unit_)) {
    std::int64_t found = tabled && unit.size() > 1 ? table.find(unit) : id(unit);
    if (found < 0) found = unknown_;
    if (found < 0)
      detail::fail(ErrorCode::index_out_of_range, "Vocabulary.encode",
                   "every unit must have an id where none stands for the unknown; {} at byte {} has none", shown(unit),
                   unit.data() - text.data());
    ids.push_back(static_cast<std::int32_t>(found));
  }
  return ids;
}

std::string Vocabulary::decode(const Ids& ids) const {
  std::string text;
  for (std::int64_t i = 0; i < ids.size(); ++i) {
    detail::require(ids[i] >= 0 && ids[i] < size(), ErrorCode::index_out_of_range, "Vocabulary.decode",
                    "ids must be in 0..{}; number {} is {}", size() - 1, i, ids[i]);
    if (i > 0 && unit_ == TextUnit::words) text += ' ';
    text += at(ids[i]);
  }
  return text;
}

}  // namespace unspool
