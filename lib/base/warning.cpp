#include "unspool/warning.hpp"

#include <atomic>
#include <cstdio>

namespace unspool {
namespace {

void write_line(const char* text) { std::fprintf(stderr, "unspool: warning: %s\n", text); }

constinit std::atomic<WarningHandler> current{write_line};

}  // namespace

WarningHandler set_warning_handler(WarningHandler handler) noexcept { return current.exchange(handler); }

void detail::warn(const char* text) noexcept {
  if (const WarningHandler handler = current.load()) handler(text);
}

}  // namespace unspool
