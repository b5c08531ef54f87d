// Text that several messages and writers make. Out of line: fmt's templates for ranges cost every file that
// instantiates them two seconds of compile time.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace unspool::detail {

/// "2,3,5".
std::string join(std::span<const std::int64_t> numbers);
std::string join(std::span<const std::uint32_t> numbers);
/// "[2,3,5]".
std::string bracketed(std::span<const std::int64_t> numbers);

}  // namespace unspool::detail
