// Descriptor: an open file that closes itself, with reads and writes that survive signals and short counts.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace unspool::detail {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { close(); }

  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  /// Returns 0 or errno: some file systems report a failed write only here.
  int close() noexcept;

 private:
  int fd_;
};

/// Returns 0 or errno.
int write_all(int fd, std::span<const std::byte> bytes) noexcept;

struct ReadResult {
  std::size_t count = 0;  ///< fewer than asked for only at the end of the file or after an error
  int error = 0;          ///< 0 or errno
};
ReadResult read_all(int fd, std::span<std::byte> bytes) noexcept;

/// Returns 0 or errno.
int sync(int fd) noexcept;

/// "No space left on device".
std::string system_reason(int error);

}  // namespace unspool::detail
