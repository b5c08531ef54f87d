#include <algorithm>

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "files/atomic_file.hpp"
#include "files/safetensors_header.hpp"
#include "files/safetensors_writer.hpp"

namespace unspool {
namespace detail {
namespace {

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view escaped = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  out += '"';
  for (const char c : text) {
    if (const std::size_t found = escaped.find(c); found != std::string_view::npos) {
      out += '\\';
      out += letters[found];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

struct Writing {
  std::string_view op;
  std::string header;
  std::vector<std::span<const std::byte>> parts;  // the first two are the header's length and the header

  void append_metadata(const Metadata& metadata);
  void append_tensors(std::span<const NamedTensor* const> sorted);
};

void check_tensor(std::string_view op, const NamedTensor& tensor) {
  require(is_utf8(tensor.name) && tensor.name != metadata_key, ErrorCode::bad_argument, op,
          "a tensor's name must be UTF-8 and not {}; given {}", metadata_key, quoted(tensor.name));
  const std::optional<Dtype> dtype = find_dtype(tensor.dtype);
  require(dtype.has_value(), ErrorCode::unsupported, op, "the dtype must be one of the format's; {} has {}",
          quoted(tensor.name), quoted(tensor.dtype));
  require(dtype_bytes(*dtype, static_cast<std::uint64_t>(tensor.shape.size())) == tensor.bytes.size(),
          ErrorCode::shape_mismatch, op, "bytes must be those of the shape; {} has shape {} of {} and {} bytes",
          quoted(tensor.name), tensor.shape.to_string(), tensor.dtype, tensor.bytes.size());
}

void Writing::append_metadata(const Metadata& metadata) {
  const auto key = [](const auto& entry) -> std::string_view { return entry.first; };
  std::vector<std::pair<std::string_view, std::string_view>> entries(metadata.begin(), metadata.end());
  if (std::ranges::find(entries, "format", key) == entries.end()) entries.emplace(entries.begin(), "format", "pt");
  require(entries.size() <= max_metadata_entries, ErrorCode::unsupported, op,
          "at most {} metadata entries are supported; given {}", max_metadata_entries, entries.size());
  append_string(header, metadata_key);
  header += ":{";
  for (const auto& [name, value] : entries) {
    require(is_utf8(name) && is_utf8(value), ErrorCode::bad_argument, op, "metadata must be UTF-8; given {}: {}",
            quoted(name), quoted(value));
    if (header.back() != '{') header += ',';
    append_string(header, name);
    header += ':';
    append_string(header, value);
  }
  header += '}';
  std::ranges::sort(entries, {}, key);
  const auto same = std::ranges::adjacent_find(entries, {}, key);
  if (same != entries.end()) {
    fail(ErrorCode::bad_argument, op, "metadata keys must be unique; given {} twice", quoted(same->first));
  }
}

void Writing::append_tensors(std::span<const NamedTensor* const> sorted) {
  std::uint64_t begin = 0;
  for (const NamedTensor* const tensor : sorted) {
    const std::uint64_t end = begin + tensor->bytes.size();
    header += ',';
    append_string(header, tensor->name);
    header += fmt::format(R"(:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", tensor->dtype,
                          join(tensor->shape.extents()), begin, end);
    parts.push_back(tensor->bytes);
    begin = end;
  }
}

// Descending element size, so that every tensor begins at a multiple of its own; then by name, so that equal tensors
// give equal files whatever order they come in.
std::vector<const NamedTensor*> sort_tensors(std::string_view op, std::span<const NamedTensor> tensors) {
  std::vector<const NamedTensor*> sorted;
  sorted.reserve(tensors.size());
  for (const NamedTensor& tensor : tensors) sorted.push_back(&tensor);
  const auto name = [](const NamedTensor* tensor) { return tensor->name; };
  std::ranges::sort(sorted, {}, name);
  const auto same = std::ranges::adjacent_find(sorted, {}, name);
  if (same != sorted.end()) {
    fail(ErrorCode::duplicate_name, op, "the names of tensors must be unique; given {} twice", quoted((*same)->name));
  }
  std::ranges::stable_sort(sorted, std::ranges::greater{},
                           [](const NamedTensor* tensor) { return dtype_bits(*find_dtype(tensor->dtype)); });
  return sorted;
}

}  // namespace

void write_tensors(std::string_view op, const std::string& path, std::span<const NamedTensor> tensors,
                   const Metadata& metadata) {
  require(tensors.size() <= max_tensors, ErrorCode::unsupported, op, "at most {} tensors are supported; given {}",
          max_tensors, tensors.size());
  for (const NamedTensor& tensor : tensors) check_tensor(op, tensor);
  Writing writing{.op = op, .header = "{", .parts = std::vector<std::span<const std::byte>>(2)};
  writing.append_metadata(metadata);
  writing.append_tensors(sort_tensors(op, tensors));
  writing.header += '}';
  writing.header.append((8 - writing.header.size() % 8) % 8, ' ');  // aligns the data
  const std::uint64_t length = writing.header.size();
  require(length <= max_header_bytes, ErrorCode::unsupported, op,
          "names, shapes and metadata must fit in {} bytes of header; they take {}", max_header_bytes, length);
  writing.parts[0] = std::as_bytes(std::span(&length, 1));
  writing.parts[1] = std::as_bytes(std::span(writing.header));
  write_file_atomically(path, writing.parts, op);
}

}  // namespace detail

void write_safetensors(const std::string& path, std::span<const NamedTensor> tensors, const Metadata& metadata) {
  detail::write_tensors("write_safetensors", path, tensors, metadata);
}

}  // namespace unspool
