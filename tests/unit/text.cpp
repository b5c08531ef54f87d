// Text as units and code points: nothing is lost, whatever the bytes.
#include "unspool/text.hpp"

#include <doctest/doctest.h>

#include "support/caught.hpp"
#include "unspool/random.hpp"

namespace us = unspool;
using namespace us::test;
using us::TextUnit;
using namespace std::string_literals;

namespace {

std::vector<std::string> units(std::string_view text, TextUnit unit) {
  std::vector<std::string> all;
  for (std::string_view one = us::next_unit(text, unit); !one.empty(); one = us::next_unit(text, unit))
    all.emplace_back(one);
  CHECK(text.empty());
  return all;
}

/// Bytes that are often what hostile text is made of: leads and continuations of UTF-8, zero bytes, white space.
std::string noise(std::uint64_t seed, std::int64_t length) {
  const std::string pool =
      "\0 \n\tab'-09\xC2\xC3\xA9\x80\xBF\xE2\x80\x9C\xED\xA0\xF0\x9F\x98\x80\xF4\x90\xFF\xFE\xC0\xE0"s;
  us::Random random(us::Seed{seed});
  std::string text;
  for (std::int64_t i = 0; i < length; ++i)
    text += pool[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(pool.size())))];
  return text;
}

}  // namespace

TEST_CASE("text is cut into bytes, characters, words or tokens") {
  using Units = std::vector<std::string>;
  const std::string text = "na\xC3\xAFve \xE2\x80\x9Cidea\xE2\x80\x9D, 2 be\n";
  CHECK(units("a\xC3\xA9\0"s, TextUnit::bytes) == Units{"a", "\xC3", "\xA9", "\0"s});
  CHECK(units("a\xC3\xA9\0\xFF"s, TextUnit::characters) == Units{"a", "\xC3\xA9", "\0"s, "\xFF"});
  CHECK(units(text, TextUnit::words) == Units{"na\xC3\xAFve", "\xE2\x80\x9Cidea\xE2\x80\x9D,", "2", "be"});
  CHECK(units(text, TextUnit::tokens) ==
        Units{"na\xC3\xAFve", " ", "\xE2\x80\x9C", "idea", "\xE2\x80\x9D", ",", " ", "2", " ", "be", "\n"});
  CHECK(units("  \t\n\v\f\r ", TextUnit::words).empty());
  for (const TextUnit unit : {TextUnit::bytes, TextUnit::characters, TextUnit::words, TextUnit::tokens})
    CHECK(units("", unit).empty());
}

TEST_CASE("units but words put together are the text, and words lack only its white space, whatever the bytes") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = noise(seed, static_cast<std::int64_t>(seed));
    for (const TextUnit unit : {TextUnit::bytes, TextUnit::characters, TextUnit::tokens}) {
      std::string joined;
      for (const std::string& one : units(text, unit)) joined += one;
      CHECK(joined == text);
    }
    std::string words, dense;
    for (const std::string& one : units(text, TextUnit::words)) words += one;
    for (const char c : text)
      if (c != ' ' && c != '\n' && c != '\t') dense += c;
    CHECK(words == dense);
  }
}

TEST_CASE("code points come back as the same bytes, invalid ones included") {
  using Codes = std::vector<std::int32_t>;
  CHECK(us::code_points("A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\0"s) == Codes{0x41, 0xE9, 0x20AC, 0x1F600, 0});
  // A stray continuation, a cut character, an overlong form, a surrogate, a code point beyond the last.
  CHECK(us::code_points("\x80\xC3") == Codes{0xDC80, 0xDCC3});
  CHECK(us::code_points("\xC0\x80") == Codes{0xDCC0, 0xDC80});
  CHECK(us::code_points("\xED\xA0\x80") == Codes{0xDCED, 0xDCA0, 0xDC80});
  CHECK(us::code_points("\xF4\x90\x80\x80") == Codes{0xDCF4, 0xDC90, 0xDC80, 0xDC80});
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = noise(seed, 3 * static_cast<std::int64_t>(seed));
    CHECK(us::utf8_text(us::code_points(text)) == text);
  }
}

TEST_CASE("utf8_text rejects what code_points never returns") {
  for (const std::int64_t code : {-1, 0xD800, 0xDC00, 0xDC7F, 0xDD00, 0xDFFF, 0x110000}) {
    const us::Error error = error_from([&] { us::utf8_text({65, code}); });
    CHECK(error.code() == us::ErrorCode::index_out_of_range);
    CHECK(rule_text(error).find("number 1 is") != std::string::npos);
  }
  CHECK(us::utf8_text(us::Ids()) == "");
}

TEST_CASE("read_text reads a file's bytes and says which file it could not read") {
  CHECK(error_from([] { us::read_text("/nowhere/text"); }).code() == us::ErrorCode::file_open);
  CHECK(error_from([] { us::read_text("/"); }).code() == us::ErrorCode::file_open);
}
