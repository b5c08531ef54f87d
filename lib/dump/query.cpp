// The query language: terms joined by & (or a space) and |, with ! and brackets. docs/graph-tool.md describes it; the
// page's search box reads the same.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <memory>

#include "dump/pattern.hpp"
#include "dump/query_facts.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {
namespace {

using namespace detail;
using Test = std::function<bool(std::uint32_t)>;

constexpr int deepest = 100;  // brackets in brackets

class QueryParser {
 public:
  QueryParser(const NodeFacts& facts, std::string_view text) : facts_(facts), text_(text) {}

  Test run() {
    Test test = either(0);
    skip_space();
    if (at_ < text_.size()) reject("a bracket must be opened before it is closed");
    return test;
  }

 private:
  [[noreturn]] void reject(const std::string& what) const {
    fail(ErrorCode::bad_argument, "query_graph", "{}; at byte {} of {:?}", what, at_, text_);
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool accept(char mark) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != mark) return false;
    ++at_;
    return true;
  }
  bool ended() {
    skip_space();
    return at_ >= text_.size() || text_[at_] == '|' || text_[at_] == ')';
  }

  Test either(int depth) {
    std::vector<Test> tests = {both(depth)};
    while (accept('|')) tests.push_back(both(depth));
    if (tests.size() == 1) return tests[0];
    return [tests](std::uint32_t i) { return std::any_of(tests.begin(), tests.end(), [&](auto& t) { return t(i); }); };
  }
  Test both(int depth) {
    std::vector<Test> tests = {one(depth)};
    while (!ended()) {
      accept('&');
      tests.push_back(one(depth));
    }
    if (tests.size() == 1) return tests[0];
    return [tests](std::uint32_t i) { return std::all_of(tests.begin(), tests.end(), [&](auto& t) { return t(i); }); };
  }
  Test one(int depth) {
    skip_space();
    if (depth == deepest) reject("brackets and negations must not be nested deeper than 100");
    if (at_ >= text_.size()) reject("something is missing at the end");
    if (accept('!')) return [inner = one(depth + 1)](std::uint32_t i) { return !inner(i); };
    if (accept('(')) {
      Test inner = either(depth + 1);
      if (!accept(')')) reject("a bracket must be closed");
      return inner;
    }
    if (text_[at_] == '/') return pattern_term();
    return term();
  }

  std::string take(std::string_view stops) {
    if (at_ < text_.size() && text_[at_] == '"') return take_quoted('"');
    const std::size_t from = at_;
    while (at_ < text_.size() && !std::isspace(static_cast<unsigned char>(text_[at_])) &&
           stops.find(text_[at_]) == std::string_view::npos)
      ++at_;
    return std::string(text_.substr(from, at_ - from));
  }
  std::string take_quoted(char quote) {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      // In /.../ only the slash loses its backslash; the others belong to the expression.
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && (quote == '"' || text_[at_ + 1] == quote)) ++at_;
      out += text_[at_];
    }
    if (at_ == text_.size()) reject(std::string("a ") + quote + " must be closed");
    ++at_;
    return out;
  }

  Test pattern_term() {
    const auto pattern = std::make_shared<Pattern>(take_quoted('/'), "query_graph", true);
    return [this_facts = &facts_, pattern](std::uint32_t i) {
      for (const char* key : {"op", "scope", "param"})
        for (const std::string& text : this_facts->texts(key, i))
          if (pattern->found_in(text)) return true;
      return false;
    };
  }

  Test term() {
    if (text_[at_] == '"') return word(take_quoted('"'));
    const std::string key = take("&|()!=<>~");
    skip_space();
    std::string op;
    for (const char* known : {"!=", "!~", "<=", ">=", "=", "<", ">", "~"})
      if (op.empty() && text_.substr(at_).starts_with(known)) op = known;
    if (op.empty()) {
      if (key.empty()) reject("a term must stand here");
      return word(key);
    }
    at_ += op.size();
    skip_space();
    const std::string value = take("&|()");
    if (value.empty()) reject("a value must stand here");
    const bool negated = op == "!=" || op == "!~";
    if (negated) op.erase(0, 1);
    Test test = NodeFacts::is_text(key) ? text_term(key, op, value) : number_term(key, op, value);
    if (!negated) return test;
    return [test](std::uint32_t i) { return !test(i); };
  }

  Test text_term(const std::string& key, const std::string& op, std::string value) {
    if (op != "=" && op != "~") reject(key + " must be compared by = or ~");
    if (key == "shape") {
      std::erase_if(value, [](char c) { return c == '[' || c == ']' || c == ' '; });
      std::replace(value.begin(), value.end(), ',', 'x');
    }
    std::function<bool(const std::string&)> holds;
    if (op == "~")
      holds = [pattern = std::make_shared<Pattern>(value, "query_graph", true)](const std::string& t) {
        return pattern->found_in(t);
      };
    else
      holds = [value](const std::string& t) { return matches_mask(t, value); };
    return [facts = &facts_, key, holds](std::uint32_t i) {
      const std::vector<std::string> texts = facts->texts(key, i);
      return std::any_of(texts.begin(), texts.end(), holds);
    };
  }

  double number(std::string_view text) {
    double factor = 1;
    if (text.size() > 1 && text.ends_with('B')) text.remove_suffix(1);
    if (!text.empty() && text.size() > 1) {
      const std::size_t unit = std::string_view("kMG").find(text.back());
      if (unit != std::string_view::npos) {
        factor = std::pow(1000.0, static_cast<double>(unit + 1));
        text.remove_suffix(1);
      }
    }
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      reject(fmt::format("{:?} must be a number, such as 12, 1e-6, 4k", text));
    return value * factor;
  }

  Test number_term(const std::string& key, const std::string& op, const std::string& value) {
    if (!NodeFacts::is_number(key))
      reject(
          fmt::format("{:?} must be one of op, scope, file, shape, role, param, t, id, line, bytes, saved, flops, "
                      "grad, nonfinite",
                      key));
    if (op == "~") reject(key + " must be compared by = != < > <= >=");
    double low = 0, high = 0;
    const std::size_t colon = value.find(':', 1), dots = value.find("..", 1);
    if (op == "=" && (colon != std::string::npos || dots != std::string::npos)) {
      const std::size_t cut = std::min(colon, dots);
      low = number(std::string_view(value).substr(0, cut));
      high = number(std::string_view(value).substr(cut + (cut == dots ? 2 : 1)));
    } else {
      low = high = number(value);
    }
    const bool nan = std::isnan(low);
    return [facts = &facts_, key, op, low, high, nan](std::uint32_t i) {
      bool known = false;
      const double n = facts->number(key, i, known);
      if (!known) return false;
      if (nan) return std::isnan(n);
      if (op == "=") return n >= low && n <= high;
      if (op == "<") return n < low;
      if (op == ">") return n > low;
      return op == "<=" ? n <= low : n >= low;
    };
  }

  // In lower case anywhere in op, scope, parameter or shape; "%12" is a node.
  Test word(const std::string& given) {
    if (given.size() > 1 && given[0] == '%' &&
        std::all_of(given.begin() + 1, given.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return number_term("id", "=", given.substr(1));
    const auto lower = [](std::string text) {
      for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      return text;
    };
    return [facts = &facts_, needle = lower(given), lower](std::uint32_t i) {
      for (const char* key : {"op", "scope", "param", "shape"})
        for (const std::string& text : facts->texts(key, i))
          if (lower(text).find(needle) != std::string::npos) return true;
      return false;
    };
  }

  const NodeFacts& facts_;
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::uint32_t> query_graph(const Graph& graph, std::string_view query) {
  const NodeFacts facts(graph);
  const Test test = QueryParser(facts, query).run();
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
    if (test(i)) found.push_back(i);
  return found;
}

}  // namespace unspool
