// What all commands measure with.
#pragma once

#include "unspool/unspool.hpp"

namespace memory_tool {

namespace us = unspool;
using std::int64_t;

double seconds();
/// A figure of the process from the system, in MiB: "VmRSS:" now, "VmHWM:" at most. 0 where the system does not say.
double process_mib(const char* figure);
inline double mib(int64_t bytes) { return static_cast<double>(bytes) / (1024 * 1024); }
/// The most that the heap has had, since it was made, beyond what it had then. One at a time.
class HeapPeak {
 public:
  HeapPeak();
  int64_t bytes() const;

 private:
  int64_t before_;
};

/// Uniform in -1..1.
us::Tensor<float> noise(const us::Shape& shape);

// The commands; each returns the program's exit status.
int compare(int64_t T, int64_t B, int64_t H);
int long_run(int64_t T, int64_t memory);
int stream(int64_t steps);

}  // namespace memory_tool
