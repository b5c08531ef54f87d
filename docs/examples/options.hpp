// The options of an example, by name.
#pragma once

#include <fmt/core.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "unspool/random.hpp"

namespace example {

namespace us = unspool;

/// What the library throws, and nobody catches, is told in a line.
[[noreturn]] inline void tell_error() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  } catch (...) {
    fmt::print(stderr, "an error of no known kind\n");
  }
  std::_Exit(1);
}

/// Options as --name value. Each has a default, "epochs=3 lr=1e-2 data=bible.txt", and takes what is of the same kind: whole
/// numbers from 1 on (a seed: from 0), numbers, any text.
class Options {
 public:
  Options(int argc, char** argv, const std::string& defaults) {
    std::set_terminate(tell_error);
    std::istringstream entries(defaults);
    for (std::string entry; entries >> entry;)
      values_[entry.substr(0, entry.find('='))] = entry.substr(entry.find('=') + 1);
    const std::map<std::string, std::string> usual = values_;
    for (int i = 1; i < argc; i += 2) {
      const std::string name = std::string(argv[i]).substr(0, 2) == "--" ? argv[i] + 2 : "";
      if (name == "help") tell(stdout), std::exit(0);
      if (!values_.contains(name) || i + 1 == argc) fail(argv[i]);
      if (!of_one_kind(usual.at(name), argv[i + 1], name == "seed" ? 0 : 1)) fail("--" + name + " " + argv[i + 1]);
      values_[name] = argv[i + 1];
    }
  }
  const std::string& text(const std::string& name) const { return values_.at(name); }
  double real(const std::string& name) const { return number(text(name)).value(); }
  std::int64_t integer(const std::string& name) const { return static_cast<std::int64_t>(real(name)); }
  us::Seed seed(std::int64_t plus = 0) const { return {static_cast<std::uint64_t>(integer("seed") + plus)}; }

 private:
  static std::optional<double> number(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    return text.empty() || *end != 0 || !std::isfinite(value) ? std::nullopt : std::optional(value);
  }
  static bool of_one_kind(const std::string& usual, const std::string& given, double least) {
    if (!number(usual)) return true;
    const double value = number(given).value_or(NAN);
    const bool whole = usual.find_first_not_of("0123456789") == std::string::npos;
    return whole ? value >= least && value <= 1e12 && value == std::floor(value) : !std::isnan(value);
  }
  [[noreturn]] void fail(const std::string& argument) const {
    fmt::print(stderr, "not understood: {}; ", argument);
    tell(stderr);
    std::exit(2);
  }

  void tell(std::FILE* out) const {
    fmt::print(out, "options and what they are now:\n");
    for (const auto& [name, value] : values_) fmt::print(out, "  --{} {}\n", name, value);
  }

  std::map<std::string, std::string> values_;
};

}  // namespace example
