// Vocabulary: which id each unit of text has. Built from texts, or given; kept in a text file.
//
//   const us::Vocabulary words = us::Vocabulary::build(text, {.unit = us::TextUnit::words, .min_count = 2});
//   std::vector<std::int32_t> ids = words.encode("in the beginning");
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/ids.hpp"
#include "unspool/text.hpp"

namespace unspool {

struct VocabularyOptions {
  TextUnit unit = TextUnit::characters;
  std::int64_t min_count = 1;           ///< units that occur less often are left out
  std::int64_t max_size = 0;            ///< the most ids, unknown and special ones included; 0: no limit
  std::string unknown = "<unk>";        ///< name of the id of units that are left out; empty: there is none
  std::vector<std::string> specials{};  ///< further ids that no text has, such as "<bos>", "<eos>"
};

/// Ids in order: unknown (0, where there is one), the special ones as given, then the units. No text is ever encoded as
/// a special id: a word that is spelt "<eos>" is a word like any other.
class UNSPOOL_API Vocabulary {
 public:
  /// The units of the texts, the most frequent first and of equal ones the one whose bytes sort first. Throws
  /// bad_argument for a min_count below 1, a max_size without room for a unit, an empty or repeated special name.
  static Vocabulary build(std::span<const std::string_view> texts, const VocabularyOptions& options = {});
  static Vocabulary build(std::string_view text, const VocabularyOptions& options = {}) {
    return build(std::span<const std::string_view>(&text, 1), options);
  }
  /// Given units, in the order of their ids; min_count and max_size are not looked at. Throws bad_argument for one that
  /// is repeated or is not exactly one unit.
  explicit Vocabulary(std::span<const std::string> units, const VocabularyOptions& options = {});
  /// Reads what save() wrote. Throws file_open, and file_format naming the line.
  static Vocabulary load(const std::string& path);
  /// Writes a text file (docs/data.md), whole or not at all. Throws file_write.
  void save(const std::string& path) const;

  /// Number of ids.
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(ends_.size()); }
  TextUnit unit() const noexcept { return unit_; }
  /// The id of units that are not here, or -1 where there is none.
  std::int64_t unknown() const noexcept { return unknown_; }
  /// The id of a unit; unknown() where it is not here.
  std::int64_t id(std::string_view unit) const noexcept;
  /// The id of a special name. Throws bad_argument.
  std::int64_t special(std::string_view name) const;
  /// The unit or name behind an id. Throws index_out_of_range.
  std::string_view symbol(std::int64_t id) const;

  /// The ids of a text's units. Throws index_out_of_range, naming the unit and the byte where it begins, for one that
  /// is not here where there is no unknown id.
  std::vector<std::int32_t> encode(std::string_view text) const;
  /// The units, with a space between words; unknown and special ids appear by name. Throws index_out_of_range.
  std::string decode(const Ids& ids) const;

  friend bool operator==(const Vocabulary& a, const Vocabulary& b) = default;

 private:
  Vocabulary(TextUnit unit, const std::string& unknown, std::span<const std::string> specials, std::string_view op);

  void add(std::string_view symbol);
  std::string_view at(std::int64_t id) const noexcept;
  /// To be called when all units are in: makes them findable. Throws bad_argument for a repeated or a misshapen one.
  void index(std::string_view op);

  TextUnit unit_ = TextUnit::characters;
  std::int64_t unknown_ = -1;
  std::int64_t first_unit_ = 0;             // id of the first that is neither unknown nor special
  std::string bytes_;                       // all symbols, one after another
  std::vector<std::int64_t> ends_;          // where each ends
  std::vector<std::int32_t> sorted_;        // ids of units by their bytes
  std::array<std::int32_t, 256> single_{};  // ids of units of one byte, or -1
};

}  // namespace unspool
