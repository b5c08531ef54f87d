// The Brown corpus as files of "word/tag": sentences, the 12 universal tags, and what a word is known by.
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "unspool/text.hpp"

namespace example {

namespace us = unspool;

constexpr int features = 5;  // word, last 3 and 2 letters, first 3 letters, shape
using Sentence = std::vector<std::pair<std::string, std::int64_t>>;  // words and tags

// 0 . 1 DET 2 PRT 3 ADJ 4 VERB 5 CONJ 6 NUM 7 ADP 8 NOUN 9 PRON 10 X 11 ADV: the first entry that a tag begins with
// decides; what none begins is punctuation.
constexpr std::pair<const char*, int> universal[] = {
    {"fw", 10}, {"nil", 10}, {"abx", 1}, {"ab", 2}, {"ap", 3},   {"at", 1},  {"be", 4}, {"cc", 5},  {"cd", 6},
    {"cs", 7},  {"do", 4},   {"dt", 1},  {"ex", 2}, {"hv", 4},   {"in", 7},  {"jj", 3}, {"md", 4},  {"nn", 8},
    {"np", 8},  {"nr", 8},   {"od", 3},  {"pn", 8}, {"pp$$", 9}, {"pp$", 1}, {"pp", 9}, {"ql", 11}, {"rp", 2},
    {"r", 11},  {"to", 2},   {"uh", 2},  {"vb", 4}, {"wdt", 1},  {"wp$", 1}, {"wp", 9}, {"w", 11},  {"*", 11}};
constexpr std::int64_t punctuation = 0, particle = 2, verb = 4, tag_count = 12;

inline std::int64_t universal_tag(const std::string& tag) {
  const auto of = [](std::string_view part) -> std::int64_t {
    for (const auto& [prefix, id] : universal)
      if (part.starts_with(prefix)) return id;
    return punctuation;
  };
  const std::size_t plus = tag.find('+');
  const bool contracted =
      plus != std::string::npos && of(std::string_view(tag).substr(plus + 1)) == verb && !tag.starts_with("fw");
  return contracted && of(tag) != verb ? particle : of(tag);  // "he's" is a particle there
}

/// The corpus's files, ca01 to cr09.
inline std::vector<std::string> corpus_files(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (const std::string name = entry.path().filename(); name.size() == 4 && name[0] == 'c')
      files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

/// Its sentences, a line each: "The/at jury/nn said/vbd".
inline std::vector<Sentence> read_sentences(const std::string& path) {
  std::vector<Sentence> sentences;
  std::istringstream lines(us::read_text(path));
  for (std::string line, token; std::getline(lines, line);) {
    Sentence sentence;
    for (std::istringstream tokens(line); tokens >> token;)
      if (const std::size_t slash = token.rfind('/'); slash != std::string::npos && slash > 0)
        sentence.emplace_back(token.substr(0, slash), universal_tag(token.substr(slash + 1)));
    if (!sentence.empty()) sentences.push_back(sentence);
  }
  return sentences;
}

/// What a word is known by.
inline std::array<std::string, features> features_of(const std::string& word) {
  std::string low = word, shape;
  for (char& c : low) {
    const char kind = c >= 'A' && c <= 'Z' ? 'X' : c >= 'a' && c <= 'z' ? 'x' : c >= '0' && c <= '9' ? '0' : c;
    if (shape.empty() || shape.back() != kind) shape += kind;
    if (kind == 'X') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto last = [&](std::size_t n) { return low.substr(low.size() - std::min(n, low.size())); };
  return {low, last(3), last(2), low.substr(0, 3), shape};
}

}  // namespace example
