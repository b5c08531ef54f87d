// SafetensorsReader: an open weight file whose header is read and checked; the data follows on request.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "files/safetensors_header.hpp"

namespace unspool::detail {

class SafetensorsReader {
 public:
  /// Throws file_open, file_format, unsupported.
  SafetensorsReader(std::string_view op, const std::string& path);
  SafetensorsReader(const SafetensorsReader&) = delete;
  SafetensorsReader& operator=(const SafetensorsReader&) = delete;

  const SafetensorsHeader& header() const noexcept { return header_; }
  SafetensorsHeader take_header() noexcept { return std::move(header_); }
  /// Once. Throws file_open, file_format, out_of_memory.
  std::unique_ptr<std::byte[]> read_data();

 private:
  FileReading reading_;
  InputFile file_;
  SafetensorsHeader header_;
};

}  // namespace unspool::detail
