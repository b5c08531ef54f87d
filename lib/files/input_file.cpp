#include "files/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace unspool::detail {
namespace {

int open_for_reading(const FileReading& reading) {
  require(reading.path.find('\0') == std::string::npos, ErrorCode::file_open, reading.op,
          "the path must not have a zero byte; given {:?}", reading.path);
  for (;;) {
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    const int fd = ::open(reading.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) return fd;
    if (errno != EINTR) {
      fail(ErrorCode::file_open, reading.op, "the file must be readable; {}: {}", reading.path, system_reason(errno));
    }
  }
}

}  // namespace

void FileReading::fail(ErrorCode code, std::string_view what, std::uint64_t offset) const {
  throw Error(code, op, what, fmt::format("in {} at byte {}", path, offset));
}

InputFile::InputFile(const FileReading& reading) : reading_(reading), file_(open_for_reading(reading)) {
  struct stat status;
  require(::fstat(file_.get(), &status) == 0, ErrorCode::file_open, reading_.op, "the file must be readable; {}: {}",
          reading_.path, system_reason(errno));
  require(S_ISREG(status.st_mode), ErrorCode::file_open, reading_.op, "the file must be a plain file; {} is {}",
          reading_.path, S_ISDIR(status.st_mode) ? "a folder" : "a device, a pipe or a socket");
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void InputFile::read(std::span<std::byte> bytes) {
  const ReadResult result = read_all(file_.get(), bytes);
  position_ += result.count;
  require(result.error == 0, ErrorCode::file_open, reading_.op, "the file must be readable; {} at byte {}: {}",
          reading_.path, position_, system_reason(result.error));
  if (result.count != bytes.size()) {
    reading_.fail(ErrorCode::file_format, "the file must not change while it is read; it ends early", position_);
  }
}

}  // namespace unspool::detail
