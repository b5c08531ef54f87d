// Writes a file whole or not at all: what every writer of the library ends in.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace unspool::detail {

/// Puts the parts, one after another, in the place of `path`: a temporary file in the same folder is written, synced
/// and renamed. A new file's mode follows the umask; a replaced file's mode is kept, and a symbolic link keeps pointing
/// to it. Throws file_write, naming `op`; the temporary is gone then and the old file is as it was.
void write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> parts,
                           std::string_view op = "write_file");
void write_file_atomically(const std::string& path, std::initializer_list<std::span<const std::byte>> parts,
                           std::string_view op = "write_file");
void write_file_atomically(const std::string& path, std::string_view text, std::string_view op = "write_file");

}  // namespace unspool::detail
