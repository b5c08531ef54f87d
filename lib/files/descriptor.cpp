#include "files/descriptor.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace unspool::detail {
namespace {

// Linux moves at most 0x7ffff000 bytes a call, macOS rejects more than 2^31 - 1.
constexpr std::size_t largest_transfer = std::size_t{1} << 30;

}  // namespace

int Descriptor::close() noexcept {
  const int fd = std::exchange(fd_, -1);
  if (fd < 0 || ::close(fd) == 0) return 0;
  // Linux has released the descriptor even when a signal interrupts close(); closing again might hit another file.
  return errno == EINTR ? 0 : errno;
}

int write_all(int fd, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), largest_transfer));
    if (written > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (written == 0) {
      return EIO;  // no progress and no reason: without this the loop would not end
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

ReadResult read_all(int fd, std::span<std::byte> bytes) noexcept {
  ReadResult result;
  while (result.count < bytes.size()) {
    const std::size_t wanted = std::min(bytes.size() - result.count, largest_transfer);
    const ssize_t got = ::read(fd, bytes.data() + result.count, wanted);
    if (got > 0) {
      result.count += static_cast<std::size_t>(got);
    } else if (got == 0) {
      break;
    } else if (errno != EINTR) {
      result.error = errno;
      break;
    }
  }
  return result;
}

int sync(int fd) noexcept {
  while (::fsync(fd) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

std::string system_reason(int error) { return std::generic_category().message(error); }

}  // namespace unspool::detail
