#include "progress.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace charlm {
namespace {

constexpr int bar_width = 24;

std::string thousands(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

}  // namespace

Progress::Progress(std::int64_t steps, std::int64_t characters_per_step)
    : steps_(steps),
      characters_per_step_(characters_per_step),
      terminal_(isatty(STDOUT_FILENO) == 1),
      start_(Clock::now()),
      shown_(start_) {}

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

void Progress::update(std::int64_t step, double loss, double bits) {
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(5);
  if (Clock::now() - shown_ < pause) return;
  shown_ = Clock::now();
  print(step, loss, bits);
}

void Progress::finish(std::int64_t step, double loss, double bits) {
  print(step, loss, bits);
  if (terminal_) std::fputc('\n', stdout);
  std::fflush(stdout);
}

void Progress::print(std::int64_t step, double loss, double bits) {
  const double elapsed = seconds();
  const double rate = elapsed > 0 ? static_cast<double>(step) * static_cast<double>(characters_per_step_) / elapsed : 0;
  const double left = step > 0 ? elapsed / static_cast<double>(step) * static_cast<double>(steps_ - step) : 0;
  std::string line = fmt::format("step {:>5}/{}  loss {:.3f}  {:.3f} bits/char  {} chars/s  ETA {}:{:02}", step, steps_,
                                 loss, bits, thousands(rate), static_cast<int>(left) / 60, static_cast<int>(left) % 60);
  if (!terminal_) {
    std::puts(line.c_str());
    std::fflush(stdout);
    return;
  }
  const int filled = static_cast<int>(bar_width * step / steps_);
  fmt::print("\r\x1b[K[{:#<{}}{:.<{}}] {}", "", filled, "", bar_width - filled, line);
  std::fflush(stdout);
}

}  // namespace charlm
