// Corpus: a text as byte ids, split into what is trained on and what is held out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace charlm {

struct Corpus {
  std::vector<unsigned char> bytes_of_id;  // the vocabulary: every byte that occurs, in increasing order
  std::vector<std::uint8_t> train;
  std::vector<std::uint8_t> held_out;
  std::string source;  // what was read, for the report

  std::int64_t vocabulary() const { return static_cast<std::int64_t>(bytes_of_id.size()); }
};

/// Reads one text file, or, for an empty path, the quotations of Debian's fortunes packages. Every byte value is kept.
/// The last twentieth is held out. Throws std::runtime_error with what to do about it.
Corpus read_corpus(const std::string& path);

}  // namespace charlm
