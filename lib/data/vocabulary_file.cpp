// The file of a vocabulary: docs/data.md has the format.
#include <optional>

#include "base/check.hpp"
#include "base/utf8.hpp"
#include "data/whole_file.hpp"
#include "files/atomic_file.hpp"
#include "unspool/vocabulary.hpp"

namespace unspool {
namespace {

constexpr std::string_view first_line = "unspool vocabulary 1";
constexpr std::string_view unit_names[] = {"bytes", "characters", "words", "tokens"};

void append_hex(std::string& line, char byte) {
  constexpr char digits[] = "0123456789abcdef";
  line += "\\x";
  line += digits[static_cast<unsigned char>(byte) >> 4];
  line += digits[static_cast<unsigned char>(byte) & 15];
}

/// Printable UTF-8 on one line: a backslash is doubled; white space, control characters and stray bytes are \xHH.
std::string escaped(std::string_view symbol) {
  std::string line;
  while (!symbol.empty()) {
    const std::size_t length = detail::utf8_length(symbol);
    const auto byte = static_cast<unsigned char>(symbol[0]);
    if (length == 0 || byte <= ' ' || byte == 0x7F)
      append_hex(line, symbol[0]);
    else if (symbol[0] == '\\')
      line += "\\\\";
    else
      line += symbol.substr(0, length);
    symbol.remove_prefix(length == 0 ? 1 : length);
  }
  return line;
}

int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/// Nothing where the line has a backslash that begins neither \\ nor \xHH.
std::optional<std::string> unescaped(std::string_view line) {
  std::string symbol;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      symbol += line[i];
    } else if (line.substr(i, 2) == "\\\\") {
      symbol += '\\';
      ++i;
    } else {
      if (line.size() < i + 4 || line[i + 1] != 'x') return {};
      const int high = hex_digit(line[i + 2]), low = hex_digit(line[i + 3]);
      if (high < 0 || low < 0) return {};
      symbol += static_cast<char>(high * 16 + low);
      i += 3;
    }
  }
  return symbol;
}

class Reader {
 public:
  Reader(const std::string& path, std::string_view text) : path_(path), rest_(text) {}

  bool done() const { return rest_.empty(); }
  std::string_view line() {
    ++number_;
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) fail("every line must end with a line feed");
    const std::string_view result = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return result;
  }
  /// What follows "word " on the line; fails on another word.
  std::optional<std::string_view> after(std::string_view line, std::string_view word) const {
    if (line.size() <= word.size() || !line.starts_with(word) || line[word.size()] != ' ') return {};
    return line.substr(word.size() + 1);
  }
  std::string symbol(std::string_view text) const {
    std::optional<std::string> result = unescaped(text);
    if (!result.has_value()) fail("a backslash must begin \\\\ or \\x and two hexadecimal digits");
    if (result->empty()) fail("a symbol must not be empty");
    return *std::move(result);
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(ErrorCode::file_format, "Vocabulary.load", what, fmt::format("in {} at line {}", path_, number_));
  }

 private:
  const std::string& path_;
  std::string_view rest_;
  std::int64_t number_ = 0;
};

TextUnit read_unit(Reader& in) {
  const std::optional<std::string_view> name = in.after(in.line(), "unit");
  for (std::size_t i = 0; i < std::size(unit_names); ++i)
    if (name == unit_names[i]) return static_cast<TextUnit>(i);
  in.fail("the second line must be \"unit\" and one of bytes, characters, words, tokens");
}

struct Contents {
  VocabularyOptions options;
  std::vector<std::string> units;
};

Contents read_contents(Reader& in) {
  if (in.done() || in.line() != first_line) in.fail("the first line must be \"unspool vocabulary 1\"");
  Contents result{.options = {.unit = read_unit(in), .unknown = ""}, .units = {}};
  auto& [options, units] = result;
  while (!in.done()) {
    const std::string_view line = in.line();
    const bool first = units.empty() && options.specials.empty() && options.unknown.empty();
    if (const auto name = in.after(line, "unknown"); name && first)
      options.unknown = in.symbol(*name);
    else if (const auto special = in.after(line, "special"); special && units.empty())
      options.specials.push_back(in.symbol(*special));
    else if (const auto unit = in.after(line, "symbol"))
      units.push_back(in.symbol(*unit));
    else
      in.fail("lines must be at most one \"unknown\", then \"special\", then \"symbol\" and what it stands for");
  }
  return result;
}

/// What an error says, without the operation in front and the number behind.
std::string_view rule_of(const Error& error) {
  std::string_view text = error.what();
  text.remove_prefix(error.op().size() + 2);
  return text.substr(0, text.rfind(" (E"));
}

}  // namespace

void Vocabulary::save(const std::string& path) const {
  std::string text(first_line);
  text += fmt::format("\nunit {}\n", unit_names[static_cast<int>(unit_)]);
  for (std::int64_t id = 0; id < size(); ++id)
    text += fmt::format("{} {}\n",
                        id == unknown_     ? "unknown"
                        : id < first_unit_ ? "special"
                                           : "symbol",
                        escaped(at(id)));
  detail::write_file_atomically(path, text, "Vocabulary.save");
}

Vocabulary Vocabulary::load(const std::string& path) {
  const std::string text = detail::read_whole({"Vocabulary.load", path});
  Reader in(path, text);
  const Contents contents = read_contents(in);
  try {
    return Vocabulary(contents.units, contents.options);
  } catch (const Error& error) {  // symbols that are repeated or are no units
    throw Error(ErrorCode::file_format, "Vocabulary.load", rule_of(error), fmt::format("in {}", path));
  }
}

}  // namespace unspool
