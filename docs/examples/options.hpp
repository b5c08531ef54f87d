// The options of an example, by name.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "unspool/random.hpp"

namespace example {

namespace us = unspool;

/// Options as --name value. Each has a default: "epochs=3 data=bible.txt".
class Options {
 public:
  Options(int argc, char** argv, const std::string& defaults) {
    std::istringstream entries(defaults);
    for (std::string entry; entries >> entry;)
      values_[entry.substr(0, entry.find('='))] = entry.substr(entry.find('=') + 1);
    for (int i = 1; i < argc; i += 2) {
      const std::string name = std::string(argv[i]).substr(0, 2) == "--" ? argv[i] + 2 : "";
      if (name == "help") tell(stdout), std::exit(0);
      if (!values_.contains(name) || i + 1 == argc) fail(argv[i]);
      values_[name] = argv[i + 1];
    }
  }
  const std::string& text(const std::string& name) const { return values_.at(name); }
  double real(const std::string& name) const {
    char* end = nullptr;
    const double value = std::strtod(text(name).c_str(), &end);
    if (*end != 0 || text(name).empty()) fail("--" + name + " " + text(name));
    return value;
  }
  std::int64_t integer(const std::string& name) const { return static_cast<std::int64_t>(real(name)); }
  us::Seed seed(std::int64_t plus = 0) const { return {static_cast<std::uint64_t>(integer("seed") + plus)}; }

 private:
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
