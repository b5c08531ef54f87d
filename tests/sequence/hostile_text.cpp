// Tens of megabytes of text that is meant to hurt: the work is counted, as units taken and allocations made, not timed.
#include <doctest/doctest.h>

#include "support/allocations.hpp"
#include "unspool/vocabulary.hpp"

namespace us = unspool;
using us::TextUnit;
using us::test::allocation_count;

namespace {

constexpr std::size_t megabyte = 1 << 20, size = 24 * megabyte;

std::string repeated(std::string_view piece) {
  std::string text;
  text.reserve(size + piece.size());
  while (text.size() < size) text += piece;
  return text;
}

/// Each text is one line. What is expected of it: how many characters, words and tokens it has.
struct Hostile {
  const char* what;
  std::string text;
  std::size_t characters, words, tokens;
};

std::vector<Hostile> hostile_texts() {
  const std::string truncated = repeated("\xF0\x9F\x98");  // three bytes of four, over and over
  const std::string zeros(size, '\0'), spaces(size, ' '), letters(size, 'a'), stray(size, '\xFF');
  return {{"zero bytes", zeros, size, 1, size},
          {"spaces", spaces, size, 0, size},
          {"one word", letters, size, 1, 1},
          {"bytes that no UTF-8 has", stray, size, 1, 1},
          {"cut characters", truncated, truncated.size(), 1, 1}};
}

std::size_t count_units(std::string_view text, TextUnit unit) {
  std::size_t count = 0;
  while (!us::next_unit(text, unit).empty()) ++count;
  return count;
}

// A vector that grows by doubling allocates once for each doubling.
constexpr std::int64_t doublings = 40;

}  // namespace

TEST_CASE("a hostile line of 24 MB is cut in one pass without a single allocation") {
  for (const Hostile& h : hostile_texts()) {
    CAPTURE(h.what);
    const std::int64_t before = allocation_count();
    const std::size_t characters = count_units(h.text, TextUnit::characters);
    const std::size_t words = count_units(h.text, TextUnit::words), tokens = count_units(h.text, TextUnit::tokens);
    CHECK(allocation_count() == before);
    CHECK(characters == h.characters);
    CHECK(words == h.words);
    CHECK(tokens == h.tokens);
  }
}

TEST_CASE("a vocabulary of a hostile line is built, encodes and gives it back with allocations for growing only") {
  for (const Hostile& h : hostile_texts())
    for (const TextUnit unit : {TextUnit::characters, TextUnit::tokens}) {
      CAPTURE(h.what);
      const std::int64_t before = allocation_count();
      const us::Vocabulary v = us::Vocabulary::build(h.text, {.unit = unit, .unknown = ""});
      const std::vector<std::int32_t> ids = v.encode(h.text);
      const bool same = v.decode(ids) == h.text;
      CHECK(allocation_count() - before < 4 * doublings);
      CHECK(same);
    }
}

TEST_CASE("code points of a hostile line come back as its bytes") {
  for (const Hostile& h : hostile_texts()) {
    CAPTURE(h.what);
    const std::int64_t before = allocation_count();
    const bool same = us::utf8_text(us::code_points(h.text)) == h.text;
    CHECK(allocation_count() - before < 2 * doublings);
    CHECK(same);
  }
}

TEST_CASE("a million different words are counted and found with allocations for growing only") {
  std::string text;
  for (int i = 0; i < 1 << 20; ++i) text += std::to_string(i * 7919ll % 1000003) + ' ';
  const std::int64_t before = allocation_count();
  const us::Vocabulary v = us::Vocabulary::build(text, {.unit = TextUnit::words});
  CHECK(v.size() > 1000000);
  CHECK(allocation_count() - before < 6 * doublings);
  const std::int64_t built = allocation_count();
  const std::vector<std::int32_t> ids = v.encode(text);
  CHECK(allocation_count() - built < 3 * doublings);
  CHECK(ids.size() == std::size_t{1} << 20);
  CHECK(v.decode(ids) + ' ' == text);
}
