// read_safetensors: a whole weight file in memory.
#include <new>

#include "base/counted.hpp"
#include "files/safetensors_header.hpp"
#include "files/safetensors_reader.hpp"
#include "unspool/safetensors.hpp"

namespace unspool {
namespace detail {

struct TensorFileContents : Counted {
  TensorFileContents(SafetensorsHeader h, std::unique_ptr<std::byte[]> d) : header(std::move(h)), data(std::move(d)) {}

  SafetensorsHeader header;
  std::unique_ptr<std::byte[]> data;

  NamedTensor tensor(const TensorEntry& entry) const {
    return {header.name(entry),
            dtype_name(entry.dtype),
            header.shape(entry),
            {data.get() + entry.begin, static_cast<std::size_t>(entry.end - entry.begin)}};
  }
};

void retain(const TensorFileContents& contents) noexcept { contents.take(); }
void release(const TensorFileContents& contents) noexcept {
  if (contents.give_back()) delete &contents;
}

SafetensorsReader::SafetensorsReader(std::string_view op, const std::string& path)
    : reading_{op, path}, file_(reading_), header_(read_header(file_, reading_)) {}

std::unique_ptr<std::byte[]> SafetensorsReader::read_data() {
  std::unique_ptr<std::byte[]> data;
  try {
    data = std::make_unique_for_overwrite<std::byte[]>(header_.data_size);
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, reading_.op, "{} bytes are needed to read {}", header_.data_size, reading_.path);
  }
  file_.read({data.get(), static_cast<std::size_t>(header_.data_size)});
  return data;
}

}  // namespace detail

std::size_t TensorFile::size() const noexcept { return contents_->header.tensors.size(); }

NamedTensor TensorFile::operator[](std::size_t position) const {
  detail::require(position < size(), ErrorCode::index_out_of_range, "tensor_file",
                  "the position must be below {}; given {}", size(), position);
  return contents_->tensor(contents_->header.tensors[position]);
}

std::optional<NamedTensor> TensorFile::find(std::string_view name) const {
  const detail::TensorEntry* const entry = contents_->header.find(name);
  if (entry == nullptr) return std::nullopt;
  return contents_->tensor(*entry);
}

Metadata TensorFile::metadata() const { return {contents_->header.metadata.begin(), contents_->header.metadata.end()}; }

TensorFile read_safetensors(const std::string& path) {
  detail::SafetensorsReader reader("read_safetensors", path);
  std::unique_ptr<std::byte[]> data = reader.read_data();
  return TensorFile(detail::Shared<const detail::TensorFileContents>::adopt(
      new detail::TensorFileContents(reader.take_header(), std::move(data))));
}

}  // namespace unspool
