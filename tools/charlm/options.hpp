// The command line of charlm.
#pragma once

#include <cstdint>
#include <string>

namespace charlm {

struct Options {
  std::string text;         // a file; empty: the fortunes
  std::string out = "out";  // where results go
  std::int64_t steps = 2000;
  std::int64_t batch = 16;
  std::int64_t window = 64;  // steps of truncated backpropagation through time
  std::int64_t hidden = 256;
  std::int64_t layers = 1;
  std::int64_t embedding = 64;
  double lr = 6e-3;
  double clip = 1.0;
  double temperature = 0.7;
  std::int64_t sample = 400;
  std::uint64_t seed = 1;
};

/// Prints help or the mistake and exits where the command line asks for it.
Options parse_options(int argc, char** argv);

}  // namespace charlm
