#include "support/samples.hpp"

#include <fmt/format.h>

#include <map>
#include <sstream>
#include <stdexcept>

namespace unspool::test {
namespace {

[[noreturn]] void reject(const std::string& sample, const std::string& why) {
  throw std::invalid_argument(fmt::format("sample \"{}\": {}", sample, why));
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

std::vector<std::int64_t> integers(const std::string& bracketed, const std::string& sample) {
  if (bracketed.size() < 2 || bracketed.front() != '[' || bracketed.back() != ']')
    reject(sample, bracketed + " is not a list");
  std::vector<std::int64_t> numbers;
  for (const std::string& part : split(bracketed.substr(1, bracketed.size() - 2), ','))
    numbers.push_back(std::stoll(part));
  return numbers;
}

SampleOperand operand(std::string token, const std::string& sample) {
  SampleOperand result;
  if (token.back() == '!') {
    result.gradient = false;
    token.pop_back();
  }
  result.shape = Shape(std::span<const std::int64_t>(integers(token, sample)));
  return result;
}

void set_range(SampleOperand& operand, const std::string& token, const std::string& sample) {
  const std::size_t dots = token.find("..");
  if (dots == std::string::npos) reject(sample, token + " is not a range");
  operand.low = std::stod(token.substr(0, dots));
  operand.high = std::stod(token.substr(dots + 2));
  if (!(operand.low <= operand.high)) reject(sample, token + " is empty");
}

void set_attributes(Sample& sample, const char* declared, std::map<std::string, std::string> given) {
  for (std::string each : split(declared, ',')) {
    each.erase(0, each.find_first_not_of(' '));
    const std::size_t colon = each.find(':');
    const std::string name = each.substr(0, colon), kind = each.substr(colon + 1);
    const auto found = given.find(name);
    if (found == given.end()) reject(sample.text, "lacks " + name);
    if (sample.has_list) reject(sample.text, "a list comes last");
    if (kind == "list") {
      sample.has_list = true;
      sample.list = integers(found->second, sample.text);
    } else if (kind == "real") {
      sample.words.push_back(Attrs::word(std::stod(found->second)));
    } else if (kind == "int" || kind == "bool") {
      sample.words.push_back(std::stoll(found->second));
    } else {
      reject(sample.text, "attribute kind " + kind);
    }
    given.erase(found);
  }
  if (!given.empty()) reject(sample.text, "no attribute " + given.begin()->first + " is declared");
}

Sample parse(const std::string& text, const char* declared) {
  Sample sample;
  sample.text = text;
  std::map<std::string, std::string> given;
  std::istringstream tokens(text);
  for (std::string token; tokens >> token;) {
    const std::size_t equals = token.find('=');
    if (token == "in") {
      if (sample.operands.empty() || !(tokens >> token)) reject(text, "a range follows an operand");
      set_range(sample.operands.back(), token, text);
    } else if (token.front() == '[') {
      sample.operands.push_back(operand(token, text));
    } else if (equals != std::string::npos) {
      given[token.substr(0, equals)] = token.substr(equals + 1);
    } else {
      reject(text, "cannot read " + token);
    }
  }
  if (sample.operands.empty()) reject(text, "has no operand");
  set_attributes(sample, declared, std::move(given));
  return sample;
}

}  // namespace

Attrs Sample::attrs() const {
  Attrs result;
  for (const std::int64_t word : words) result.push(word);
  if (has_list) result.with(Ids(list));
  return result;
}

std::vector<Sample> parse_samples(const OpInfo& info) {
  std::vector<Sample> samples;
  for (const std::string& text : split(info.samples, ';'))
    if (text.find_first_not_of(' ') != std::string::npos) samples.push_back(parse(text, info.attrs));
  return samples;
}

}  // namespace unspool::test
