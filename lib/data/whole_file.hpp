// A whole file as one string.
#pragma once

#include "files/input_file.hpp"

namespace unspool::detail {

/// Throws file_open, out_of_memory.
inline std::string read_whole(const FileReading& reading) {
  InputFile file(reading);
  std::string text;
  try {
    text.resize(file.size());
  } catch (const std::exception&) {  // bad_alloc or length_error
    fail(ErrorCode::out_of_memory, reading.op, "{} bytes are needed to read {}", file.size(), reading.path);
  }
  file.read(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace unspool::detail
