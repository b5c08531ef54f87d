#include "files/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/check.hpp"
#include "files/descriptor.hpp"

namespace unspool::detail {
namespace {

using Bytes = std::span<const std::byte>;

// What the caller asked for: the words every failure is reported in.
struct Request {
  const std::string& path;
  std::string_view op;

  [[noreturn]] void fail(std::string_view step, std::string_view reason) const {
    detail::fail(ErrorCode::file_write, op, "the file must be written whole; {} failed: {}; to {}", step, reason, path);
  }
  void check(int error, std::string_view step) const {
    if (error != 0) fail(step, system_reason(error));
  }
};

struct Target {
  std::string path;  // symbolic links resolved: renaming over a link would replace the link
  bool exists = false;
  mode_t mode = 0666;
};

Target find_target(const Request& request) {
  if (request.path.find('\0') != std::string::npos) request.fail("opening", "the path has a zero byte");
  Target target{.path = request.path};
  struct stat status;
  if (::lstat(request.path.c_str(), &status) != 0) {
    if (errno != ENOENT) request.check(errno, "opening");
    return target;
  }
  if (S_ISLNK(status.st_mode)) {
    const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(request.path.c_str(), nullptr), &std::free);
    if (resolved == nullptr) request.check(errno, "following the symbolic link");
    target.path = resolved.get();
    if (::stat(resolved.get(), &status) != 0) request.check(errno, "opening");
  }
  // A rename would put a plain file in the place of a device or a pipe.
  if (!S_ISREG(status.st_mode))
    request.fail("opening", S_ISDIR(status.st_mode) ? "it is a folder" : "not a plain file");
  // A rename asks only for the folder's permission: without this a write-protected file would be replaced.
  if (::access(target.path.c_str(), W_OK) != 0) request.check(errno, "opening");
  target.exists = true;
  target.mode = status.st_mode & 0777;
  return target;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

// A file of a name no one else has, removed again unless it was renamed.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& folder, mode_t mode, const Request& request) {
    // A short name of its own: the target's name with a suffix might be too long.
    for (int attempt = 0;; ++attempt) {
      path_ = fmt::format("{}.unspool-{}-{}.tmp", folder, ::getpid(), attempt);
      fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
      if (fd_ >= 0) return;
      if (errno != EINTR && (errno != EEXIST || attempt == 100'000)) request.check(errno, "creating a temporary file");
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!renamed_) ::unlink(path_.c_str());
  }

  int take_descriptor() const noexcept { return fd_; }
  int rename_to(const std::string& path) noexcept {
    if (std::rename(path_.c_str(), path.c_str()) != 0) return errno;
    renamed_ = true;
    return 0;
  }

 private:
  std::string path_;
  int fd_ = -1;
  bool renamed_ = false;
};

// Makes the rename itself survive a power failure. Returns 0 or errno; a folder that may be written but not read, or
// whose file system does not sync folders, is left to that file system's own guarantees.
int sync_folder(const std::string& folder) noexcept {
  const Descriptor opened(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) return 0;
  const int error = sync(opened.get());
  return error == EINVAL || error == ENOTSUP ? 0 : error;
}

}  // namespace

void write_file_atomically(const std::string& path, std::span<const Bytes> parts, std::string_view op) {
  const Request request{path, op};
  const Target target = find_target(request);
  const std::string folder = folder_of(target.path);
  TemporaryFile temporary(folder, target.mode, request);
  Descriptor file(temporary.take_descriptor());
  if (target.exists && ::fchmod(file.get(), target.mode) != 0) request.check(errno, "keeping the file's mode");
  for (const Bytes part : parts) request.check(write_all(file.get(), part), "writing");
  request.check(sync(file.get()), "syncing");
  request.check(file.close(), "closing");
  request.check(temporary.rename_to(target.path), "renaming");
  // Too late to undo: the text tells that the new file is there, whole, and may be lost in a power failure.
  request.check(sync_folder(folder), "syncing the folder (the new file is in its place)");
}

void write_file_atomically(const std::string& path, std::initializer_list<Bytes> parts, std::string_view op) {
  write_file_atomically(path, std::span<const Bytes>(parts.begin(), parts.size()), op);
}

void write_file_atomically(const std::string& path, std::string_view text, std::string_view op) {
  write_file_atomically(path, {std::as_bytes(std::span(text))}, op);
}

}  // namespace unspool::detail
