#include "dump/attr_text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"

namespace unspool {
namespace detail {
namespace {

constexpr std::size_t listed = 6;  // list elements shown as text

struct Declared {
  std::string_view name;
  Attribute::Kind kind;
};

Attribute::Kind kind_of(std::string_view word) {
  if (word == "bool") return Attribute::Kind::boolean;
  if (word == "real") return Attribute::Kind::real;
  if (word == "list") return Attribute::Kind::list;
  return Attribute::Kind::integer;
}

// Takes the first "name:kind" off the declaration.
Declared take_declared(std::string_view& rest) {
  const std::string_view one = rest.substr(0, rest.find(','));
  rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  const auto trim = [](std::string_view s) {
    while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    return s;
  };
  const std::size_t colon = one.find(':');
  if (colon == std::string_view::npos) return {trim(one), Attribute::Kind::integer};
  return {trim(one.substr(0, colon)), kind_of(trim(one.substr(colon + 1)))};
}

std::string value_text(const Attribute& a) {
  switch (a.kind) {
    case Attribute::Kind::integer:
      return fmt::format("{}", a.words[0]);
    case Attribute::Kind::boolean:
      return a.words[0] != 0 ? "true" : "false";
    case Attribute::Kind::real:
      return real_text(a.real());
    default:
      break;
  }
  if (a.words.size() <= listed) return bracketed(a.words);
  return fmt::format("[{},... {} in all]", join(a.words.first(listed)), a.words.size());
}

}  // namespace

std::vector<Attribute> attributes(const Graph& graph, const GraphNode& node) {
  std::vector<Attribute> found;
  std::span<const std::int64_t> words = graph.attrs_of(node);
  std::string_view rest = graph.ops[node.op].attrs;
  while (!rest.empty()) {
    const Declared declared = take_declared(rest);
    const bool list = declared.kind == Attribute::Kind::list;
    if (!list && words.empty()) break;
    const std::size_t taken = list ? words.size() : 1;
    found.push_back({declared.name, declared.kind, words.first(taken)});
    words = words.subspan(taken);
  }
  return found;
}

std::size_t declared_words(std::string_view declaration, bool& has_list) {
  std::size_t count = 0;
  has_list = false;
  while (!declaration.empty()) {
    if (take_declared(declaration).kind == Attribute::Kind::list)
      has_list = true;
    else
      ++count;
  }
  return count;
}

std::string attrs_text(const std::vector<Attribute>& attributes) {
  std::string text;
  for (const Attribute& a : attributes) {
    const bool says_nothing = a.kind == Attribute::Kind::boolean ? a.words[0] == 0 : a.words.empty();
    if (!says_nothing) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", a.name, value_text(a));
  }
  return text;
}

std::string real_text(double value, int digits) {
  if (std::isnan(value)) return "nan";
  return digits == 0 ? fmt::format("{}", value) : fmt::format("{:.{}g}", value, digits);
}

}  // namespace detail

std::string attrs_text(const Graph& graph, const GraphNode& node) {
  return detail::attrs_text(detail::attributes(graph, node));
}

}  // namespace unspool
