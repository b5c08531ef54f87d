#include "unspool/vocabulary.hpp"

#include <doctest/doctest.h>

#include "safetensors_support.hpp"
#include "support/caught.hpp"
#include "unspool/random.hpp"

namespace us = unspool;
using namespace us::test;
using us::TextUnit;
using us::Vocabulary;
using us::test::TemporaryFolder;
using namespace std::string_literals;
using Ids = std::vector<std::int32_t>;

namespace {

std::vector<std::string> symbols(const Vocabulary& v) {
  std::vector<std::string> all;
  for (std::int64_t id = 0; id < v.size(); ++id) all.emplace_back(v.symbol(id));
  return all;
}

/// What loading a file of these bytes throws, as "code: text".
std::string load_error(std::string_view bytes) {
  const TemporaryFolder folder;
  const std::string path = folder / "vocabulary";
  std::ofstream(path, std::ios::binary) << bytes;
  const us::Error error = error_from([&] { Vocabulary::load(path); });
  CHECK(error.code() == us::ErrorCode::file_format);
  return error.what();
}

}  // namespace

TEST_CASE("a vocabulary is built with the most frequent units first, ties by their bytes") {
  using Symbols = std::vector<std::string>;
  const Vocabulary v = Vocabulary::build("the cat the dog a cat the", {.unit = TextUnit::words});
  CHECK(symbols(v) == Symbols{"<unk>", "the", "cat", "a", "dog"});
  CHECK(v.unknown() == 0);
  CHECK(v.encode("a cat sat") == Ids{3, 2, 0});
  CHECK(v.decode({1, 4, 0}) == "the dog <unk>");
  const Vocabulary few = Vocabulary::build("the cat the dog a cat the",
                                           {.unit = TextUnit::words, .min_count = 2, .specials = {"<bos>", "<eos>"}});
  CHECK(symbols(few) == Symbols{"<unk>", "<bos>", "<eos>", "the", "cat"});
  CHECK(few.special("<eos>") == 2);
  CHECK(symbols(Vocabulary::build("abcabca", {.max_size = 3, .unknown = "?"})) == Symbols{"?", "a", "b"});
  const std::vector<std::string_view> texts{"ab", "bc", ""};
  CHECK(symbols(Vocabulary::build(texts, {.unknown = ""})) == Symbols{"b", "a", "c"});
}

TEST_CASE("a vocabulary gives back every text of its units, zero bytes and invalid UTF-8 included") {
  const std::string text = "z\xC3\xA9ro \0\xFF\xC3 \xE2\x82\xAC\n\n"s;
  for (const TextUnit unit : {TextUnit::bytes, TextUnit::characters, TextUnit::tokens}) {
    const Vocabulary v = Vocabulary::build(text, {.unit = unit, .unknown = ""});
    CHECK(v.unknown() == -1);
    CHECK(v.decode(v.encode(text)) == text);
  }
  const Vocabulary words = Vocabulary::build(text, {.unit = TextUnit::words});
  CHECK(words.decode(words.encode(text)) == "z\xC3\xA9ro \0\xFF\xC3 \xE2\x82\xAC"s);
}

TEST_CASE("text never becomes a special id, even where it is spelt like one") {
  const Vocabulary v = Vocabulary::build("<eos> <unk> <eos> hi", {.unit = TextUnit::words, .specials = {"<eos>"}});
  CHECK(v.encode("<eos> <unk> hi <bos>") == Ids{2, 3, 4, 0});
  CHECK(v.special("<eos>") == 1);
  CHECK(v.symbol(2) == "<eos>");
}

TEST_CASE("without an unknown id, a unit that is not in the vocabulary is an error that names it and its place") {
  const Vocabulary v = Vocabulary::build("ab", {.unknown = ""});
  const us::Error error = error_from([&] { v.encode("ab\xFF"); });
  CHECK(error.code() == us::ErrorCode::index_out_of_range);
  CHECK(rule_text(error).find("at byte 2 has none") != std::string::npos);
  const Vocabulary words = Vocabulary::build("a", {.unit = TextUnit::words, .unknown = ""});
  const std::string text = error_from([&] { words.encode(std::string(1 << 20, 'x')); }).what();
  CHECK(text.size() < 300);
}

TEST_CASE("a vocabulary file holds any symbols and comes back as the same vocabulary") {
  const TemporaryFolder folder;
  const std::string path = folder / "vocabulary";
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  const std::string text = every_byte + "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\\x41\\n";
  for (const TextUnit unit : {TextUnit::bytes, TextUnit::characters, TextUnit::words, TextUnit::tokens})
    for (const std::string unknown : {"", "<unk>", "a b\n"})
      for (const std::vector<std::string>& specials : {std::vector<std::string>{}, {"<bos>", "\\", " "}}) {
        const Vocabulary v = Vocabulary::build(text, {.unit = unit, .unknown = unknown, .specials = specials});
        v.save(path);
        CHECK(Vocabulary::load(path) == v);
      }
  const Vocabulary v = Vocabulary::build("b a\n\xFF\\", {.specials = {"<eos>"}});
  v.save(path);
  std::ifstream file(path, std::ios::binary);
  const std::string written((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  CHECK(written ==
        "unspool vocabulary 1\nunit characters\nunknown <unk>\nspecial <eos>\nsymbol \\x0a\nsymbol \\x20\n"
        "symbol \\\\\nsymbol a\nsymbol b\nsymbol \\xff\n");
}

TEST_CASE("a vocabulary file that is not one is refused, with the line") {
  const std::string head = "unspool vocabulary 1\nunit characters\n";
  const auto says = [](const std::string& error, std::string_view part) {
    CHECK_MESSAGE(error.find(part) != std::string::npos, error);
  };
  says(load_error(""), "the first line must be");
  says(load_error("unspool vocabulary 2\n"), "the first line must be");
  says(load_error("unspool vocabulary 1\nunit letters\n"), "at line 2");
  says(load_error("unspool vocabulary 1\n"), "at line 2");
  says(load_error(head + "symbol a\nsymbol b"), "at line 4");
  says(load_error(head + "symbol a\nspecial b\n"), "at line 4");
  says(load_error(head + "special b\nunknown c\n"), "at line 4");
  says(load_error(head + "unknown b\nunknown c\n"), "at line 4");
  says(load_error(head + "symbol a\n\n"), "at line 4");
  says(load_error(head + "symbol \n"), "at line 3");
  says(load_error(head + "symbol \\n\n"), "a backslash must begin");
  says(load_error(head + "symbol \\x4\n"), "a backslash must begin");
  says(load_error(head + "symbol \\xAB\n"), "a backslash must begin");
  says(load_error(head + "symbol ab\n"), "exactly one unit");
  says(load_error(head + "symbol a\nsymbol \\x61\n"), "symbols must differ");
  CHECK(error_from([] { Vocabulary::load("/nowhere/vocabulary"); }).code() == us::ErrorCode::file_open);
  const Vocabulary v = Vocabulary::build("a");
  CHECK(error_from([&] { v.save("/nowhere/vocabulary"); }).code() == us::ErrorCode::file_write);
}

TEST_CASE("a damaged vocabulary file is refused or is another vocabulary, never anything else") {
  const TemporaryFolder folder;
  const std::string path = folder / "vocabulary";
  Vocabulary::build("ab \n\xFF\xC3\xA9\\", {.specials = {"<eos>"}}).save(path);
  const std::string good = us::read_text(path);
  int refused = 0, read = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    us::Random random(us::Seed{seed});
    std::string bytes = good;
    for (std::int64_t edits = 1 + random.below(3); edits > 0 && !bytes.empty(); --edits) {
      const auto at = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(bytes.size())));
      switch (random.below(4)) {
        case 0:
          bytes[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          bytes.erase(at, 1 + static_cast<std::size_t>(random.below(8)));
          break;
        case 2:
          bytes.insert(at, bytes.substr(at / 2, static_cast<std::size_t>(random.below(20))));
          break;
        default:
          bytes.resize(at);
      }
    }
    std::ofstream(path, std::ios::binary) << bytes;
    try {
      const Vocabulary v = Vocabulary::load(path);
      v.save(path);
      CHECK(Vocabulary::load(path) == v);
      ++read;
    } catch (const us::Error& error) {
      CHECK(error.code() == us::ErrorCode::file_format);
      ++refused;
    }
  }
  CHECK(refused > 100);
  CHECK(read > 20);
}

TEST_CASE("a vocabulary can be given, and refuses options and symbols that cannot be") {
  const std::vector<std::string> phonemes{"AH", "K", "T"};
  const Vocabulary v(phonemes, {.unit = TextUnit::words, .unknown = "", .specials = {"<eos>"}});
  CHECK(v.encode("K AH T") == Ids{2, 1, 3});
  const auto code = [](auto call) { return error_from(call).code(); };
  using us::ErrorCode;
  const std::vector<std::string> twice{"a", "a"}, long_one{"ab"}, empty{""};
  CHECK(code([&] { Vocabulary{twice}; }) == ErrorCode::bad_argument);
  CHECK(code([&] { Vocabulary{long_one}; }) == ErrorCode::bad_argument);
  CHECK(code([&] { Vocabulary{empty}; }) == ErrorCode::bad_argument);
  CHECK(code([] { Vocabulary::build("a", {.min_count = 0}); }) == ErrorCode::bad_argument);
  CHECK(code([] { Vocabulary::build("a", {.max_size = 1}); }) == ErrorCode::bad_argument);
  CHECK(code([] { Vocabulary::build("a", {.max_size = -1}); }) == ErrorCode::bad_argument);
  CHECK(code([] { Vocabulary::build("a", {.specials = {"x", "x"}}); }) == ErrorCode::bad_argument);
  CHECK(code([] { Vocabulary::build("a", {.specials = {"<unk>"}}); }) == ErrorCode::bad_argument);
  CHECK(code([] { Vocabulary::build("a", {.specials = {""}}); }) == ErrorCode::bad_argument);
  CHECK(code([&] { v.symbol(4); }) == ErrorCode::index_out_of_range);
  CHECK(code([&] { v.symbol(-1); }) == ErrorCode::index_out_of_range);
  CHECK(code([&] { v.decode({0, 4}); }) == ErrorCode::index_out_of_range);
  CHECK(code([&] { v.special("AH"); }) == ErrorCode::bad_argument);
  CHECK(Vocabulary::build("", {.unknown = ""}).size() == 0);
}
