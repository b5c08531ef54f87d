// Warnings: what is no error, and likely a mistake. There are few; each is given once for the recording that it is
// about.
#pragma once

#include "unspool/export.hpp"

namespace unspool {

/// Is told of a warning by the thread that gave rise to it; the text lives until it returns. Must not throw.
using WarningHandler = void (*)(const char* text);

/// Whom warnings go to from now on, null for nobody; a program starts with one that writes a line to standard error.
/// Returns the one before. For the whole process; any thread may call it.
UNSPOOL_API WarningHandler set_warning_handler(WarningHandler handler) noexcept;

namespace detail {

UNSPOOL_API void warn(const char* text) noexcept;

}  // namespace detail
}  // namespace unspool
