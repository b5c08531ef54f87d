// The CMU Pronouncing Dictionary, and how far one pronunciation is from another.
#pragma once

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "unspool/text.hpp"

namespace example {

namespace us = unspool;

/// A word and its pronunciations, as in "ABLER(1)  EY1 B L ER0".
using Dictionary = std::map<std::string, std::vector<std::string>>;

/// Without stress marks; what then is the same is there once.
inline Dictionary read_dictionary(const std::string& path) {
  std::istringstream lines(us::read_text(path));
  Dictionary dictionary;
  for (std::string line, word; std::getline(lines, line);) {
    if (line.starts_with(";;;") || line.find("  ") == std::string::npos) continue;
    word = line.substr(0, line.find("  "));
    if (word.size() > 3 && word.back() == ')') word.resize(word.rfind('('));
    std::string phonemes = line.substr(line.find("  ") + 2);
    std::erase_if(phonemes, [](char c) { return c >= '0' && c <= '9'; });
    std::vector<std::string>& all = dictionary[word];
    if (std::ranges::find(all, phonemes) == all.end()) all.push_back(phonemes);
  }
  return dictionary;
}

/// The least number of insertions, deletions and substitutions that make b of a (Levenshtein, 1966).
inline std::int64_t edit_distance(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  std::vector<std::int64_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<std::int64_t>(j);
  for (const std::int64_t x : a) {
    std::int64_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (x != b[j - 1])}));
  }
  return row.back();
}

}  // namespace example
