#include "base/text.hpp"

#include <charconv>

namespace unspool::detail {
namespace {

template <class Number>
std::string joined(std::span<const Number> numbers) {
  std::string text;
  char digits[24];
  for (const Number number : numbers) {
    if (!text.empty()) text += ',';
    text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }
  return text;
}

}  // namespace

std::string join(std::span<const std::int64_t> numbers) { return joined(numbers); }
std::string join(std::span<const std::uint32_t> numbers) { return joined(numbers); }

std::string bracketed(std::span<const std::int64_t> numbers) {
  std::string text = "[";
  text += joined(numbers);
  return text += ']';
}

}  // namespace unspool::detail
