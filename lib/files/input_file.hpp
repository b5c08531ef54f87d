// InputFile: a plain file read from front to back, whose failures name it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "files/descriptor.hpp"

namespace unspool::detail {

/// Who reads which file: what errors about it have in common.
struct FileReading {
  std::string_view op;
  std::string path;

  [[noreturn]] void fail(ErrorCode code, std::string_view what, std::uint64_t offset) const;
};

class InputFile {
 public:
  /// Throws file_open, also for a folder, a pipe or a device: their size says nothing about what can be read.
  explicit InputFile(const FileReading& reading);

  std::uint64_t size() const noexcept { return size_; }
  /// Fills `bytes` with what comes next. Throws file_open, and file_format when the file has become shorter.
  void read(std::span<std::byte> bytes);

 private:
  const FileReading& reading_;
  Descriptor file_;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace unspool::detail
