// The header of a safetensors file: which tensors it has and where their bytes are, checked against every rule of the
// format and against the file's real size before memory is taken for the data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "files/dtype.hpp"
#include "files/input_file.hpp"
#include "unspool/shape.hpp"

namespace unspool::detail {

// Readers keep 32 bytes a tensor, so a hostile file costs its own size and about a mebibyte; writers keep to the same.
inline constexpr std::uint64_t max_header_bytes = 100'000'000;
inline constexpr std::size_t max_tensors = 32'768;
inline constexpr std::size_t max_metadata_entries = 4'096;
inline constexpr std::string_view metadata_key = "__metadata__";

/// A tensor's place: positions count from the header's first byte, begin and end from the data's.
struct TensorEntry {
  std::uint64_t begin;
  std::uint64_t end;
  std::uint32_t name_at;
  std::uint32_t name_size;
  std::uint32_t shape_at;
  Dtype dtype;
};

struct SafetensorsHeader {
  std::unique_ptr<char[]> text;  // strings in it are unescaped; views and positions below point into it
  std::uint64_t text_size = 0;
  std::uint64_t data_size = 0;
  std::vector<TensorEntry> tensors;    // in the order of their data
  std::vector<std::uint32_t> by_name;  // positions in `tensors`
  std::vector<std::pair<std::string_view, std::string_view>> metadata;

  std::string_view name(const TensorEntry& entry) const { return {text.get() + entry.name_at, entry.name_size}; }
  Shape shape(const TensorEntry& entry) const;
  const TensorEntry* find(std::string_view name) const;
};

/// Reads from the file's start up to the data. Throws file_open, file_format, unsupported.
SafetensorsHeader read_header(InputFile& file, const FileReading& reading);

/// A name for messages: quoted, escaped, cut when it is very long.
std::string quoted(std::string_view name);

}  // namespace unspool::detail
