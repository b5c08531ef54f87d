#include "corpus.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "unspool/batches.hpp"
#include "unspool/text.hpp"

namespace charlm {
namespace {

namespace fs = std::filesystem;

constexpr const char* fortunes_folder = "/usr/share/games/fortunes";
constexpr std::size_t least_bytes = 2000;

// fortune(6)'s format: quotations that end with a line of a single %.
void append_quotations(const std::string& text, std::vector<std::string>& quotations) {
  std::string current;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
    if (end - at == 1 && text[at] == '%')
      quotations.push_back(std::exchange(current, {}));
    else
      current.append(text, at, end - at + 1);
    at = end + 1;
  }
  if (!current.empty()) quotations.push_back(std::move(current));
}

// All quotations in a fixed random order, with an empty line between them: the files are each about one subject, and
// what is held out should be about all of them. The index files (.dat) and the links (.u8) are left out.
std::string read_fortunes() {
  std::error_code error;
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(fortunes_folder, error))
    if (entry.is_regular_file() && !entry.is_symlink() && entry.path().extension().empty())
      files.push_back(entry.path());
  if (files.empty())
    throw std::runtime_error(
        fmt::format("no text in {}; install the package fortunes, or name a text file", fortunes_folder));
  std::sort(files.begin(), files.end());
  std::vector<std::string> quotations;
  for (const fs::path& file : files) append_quotations(unspool::read_text(file.string()), quotations);
  std::string text;
  for (const std::int64_t i : unspool::permutation(static_cast<std::int64_t>(quotations.size()), unspool::Seed{0}))
    text += quotations[static_cast<std::size_t>(i)] + '\n';
  return text;
}

}  // namespace

Corpus read_corpus(const std::string& path) {
  Corpus corpus;
  std::string text;
  if (path.empty()) {
    corpus.source = fmt::format("the quotations in {}", fortunes_folder);
    text = read_fortunes();
  } else {
    if (!fs::is_regular_file(path)) throw std::runtime_error(fmt::format("{} is not a file that can be read", path));
    corpus.source = path;
    text = unspool::read_text(path);
  }
  if (text.size() < least_bytes)
    throw std::runtime_error(
        fmt::format("{} holds {} bytes; a language model needs at least {}", corpus.source, text.size(), least_bytes));

  std::array<bool, 256> seen{};
  for (const char c : text) seen[static_cast<unsigned char>(c)] = true;
  std::array<std::uint8_t, 256> id_of{};
  for (int byte = 0; byte < 256; ++byte)
    if (seen[byte]) {
      id_of[byte] = static_cast<std::uint8_t>(corpus.bytes_of_id.size());
      corpus.bytes_of_id.push_back(static_cast<unsigned char>(byte));
    }
  const std::size_t split = text.size() - text.size() / 20;
  corpus.train.reserve(split);
  for (std::size_t i = 0; i < text.size(); ++i)
    (i < split ? corpus.train : corpus.held_out).push_back(id_of[static_cast<unsigned char>(text[i])]);
  return corpus;
}

}  // namespace charlm
