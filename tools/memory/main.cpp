// What byte budgets and windows cost.
//
//   unspool-memory compare [T B H]     an LSTM in full and within 10, 5, 2 and 1 percent, in turns; defaults 1000 32 256
//   unspool-memory long [T MiB]        T steps at B = 1, H = 64 within so much; defaults 1e6 200
//   unspool-memory stream [STEPS]      truncated backpropagation over so many steps, and the memory on the way; 1e7
//
// Numbers may be written as 1000000 or 1e6. The exit status is 1 where gradients differ or memory grows.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "measure.hpp"

namespace {

using namespace memory_tool;

int usage(const char* program) {
  std::fprintf(stderr, "usage: %s compare [T B H] | long [T MiB] | stream [STEPS]; numbers from 1 to 1e12\n", program);
  return 2;
}

/// Whole, from 1 on; 0 for what is none.
int64_t number_in(const char* text) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  return *text != '\0' && *end == '\0' && value >= 1 && value <= 1e12 ? static_cast<int64_t>(value) : 0;
}

}  // namespace

int main(int count, char** values) {
  const std::string what = count > 1 ? values[1] : "";
  int64_t numbers[3] = {};
  const int given = count - 2;
  if (given > 3) return usage(values[0]);
  for (int i = 0; i < given; ++i)
    if ((numbers[i] = number_in(values[i + 2])) == 0) return usage(values[0]);
  const auto number = [&](int i, int64_t otherwise) { return i < given ? numbers[i] : otherwise; };
  try {
    if (what == "compare") return compare(number(0, 1000), number(1, 32), number(2, 256));
    if (what == "long" && given <= 2) return long_run(number(0, 1'000'000), us::MiB(number(1, 200)));
    if (what == "stream" && given <= 1) return stream(number(0, 10'000'000));
    return usage(values[0]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
