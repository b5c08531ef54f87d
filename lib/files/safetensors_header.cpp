#include "files/safetensors_header.hpp"

#include <algorithm>
#include <limits>

#include "base/json_cursor.hpp"
#include "base/text.hpp"

namespace unspool::detail {
namespace {

constexpr std::uint64_t length_bytes = 8;

struct Extents {
  std::int64_t values[Shape::max_rank];
  std::size_t rank = 0;

  std::span<const std::int64_t> span() const { return {values, rank}; }
};

Extents read_extents(JsonCursor& json) {
  Extents extents;
  json.expect('[');
  for (bool more = !json.accept(']'); more; more = json.another(']')) {
    const std::uint64_t extent = json.natural();
    if (extent > std::numeric_limits<std::int64_t>::max()) json.fail("an extent must be below 2^63");
    if (extents.rank == Shape::max_rank) {
      json.fail(fmt::format("at most {} axes are supported", Shape::max_rank), ErrorCode::unsupported);
    }
    extents.values[extents.rank++] = static_cast<std::int64_t>(extent);
  }
  return extents;
}

// Parses one header; every function reads one of its parts.
class HeaderParser {
 public:
  HeaderParser(SafetensorsHeader& header, const FileReading& reading)
      : header_(header), source_{reading.op, reading.path, {header.text.get(), header.text_size}, length_bytes} {}

  void parse() {
    if (header_.text_size == 0 || header_.text[0] != '{') json_.fail("the header must begin with '{'");
    json_.expect('{');
    // Not even with a name of one letter can a tensor take less than 50 bytes of header.
    header_.tensors.reserve(std::min<std::size_t>(max_tensors, header_.text_size / 50));
    bool metadata_seen = false;
    for (bool more = !json_.accept('}'); more; more = json_.another('}')) {
      const std::string_view name = string();
      json_.expect(':');
      if (name != metadata_key) {
        read_tensor(name);
        continue;
      }
      if (metadata_seen) json_.fail("keys must be unique; given \"__metadata__\" twice");
      metadata_seen = true;
      read_metadata();
    }
    end();
  }

 private:
  // Unescaped where it stands, which nothing reads again.
  std::string_view string() {
    const std::string_view raw = json_.raw_string();
    char* const start = header_.text.get() + (raw.data() - header_.text.get());
    return {start, unescape(raw, start)};
  }

  void end() const {
    for (std::size_t at = json_.position(); at < source_.text.size(); ++at)
      if (source_.text[at] != ' ') source_.fail("only spaces may follow the header's closing '}'", at);
  }

  [[noreturn]] void unsupported(std::string_view what) const { json_.fail(what, ErrorCode::unsupported); }

  void read_metadata() {
    json_.expect('{');
    for (bool more = !json_.accept('}'); more; more = json_.another('}')) {
      const std::string_view key = string();
      json_.expect(':');
      const std::string_view value = string();
      if (header_.metadata.size() == max_metadata_entries) {
        unsupported(fmt::format("at most {} metadata entries are supported", max_metadata_entries));
      }
      header_.metadata.emplace_back(key, value);
    }
    // Sorted copies of nothing but views: the order of the file is kept for whoever lists it.
    auto keys = header_.metadata;
    std::ranges::sort(keys, {}, &std::pair<std::string_view, std::string_view>::first);
    const auto same = std::ranges::adjacent_find(keys, {}, &std::pair<std::string_view, std::string_view>::first);
    if (same != keys.end())
      json_.fail(fmt::format("metadata keys must be unique; given {} twice", quoted(same->first)));
  }

  void read_tensor(std::string_view name) {
    if (header_.tensors.size() == max_tensors)
      unsupported(fmt::format("at most {} tensors are supported", max_tensors));
    TensorEntry entry{};
    entry.name_at = static_cast<std::uint32_t>(name.data() - header_.text.get());
    entry.name_size = static_cast<std::uint32_t>(name.size());
    Extents extents;
    constexpr unsigned dtype = 1, shape = 2, offsets = 4;
    unsigned seen = 0;
    json_.expect('{');
    for (bool more = !json_.accept('}'); more; more = json_.another('}')) {
      const std::string_view key = string();
      const unsigned field = key == "dtype" ? dtype : key == "shape" ? shape : key == "data_offsets" ? offsets : 0;
      if (field == 0 || (seen & field) != 0) {
        json_.fail(fmt::format("a tensor must have dtype, shape and data_offsets, each once; {} has {}", quoted(name),
                               field == 0 ? quoted(key) : fmt::format("{} twice", key)));
      }
      seen |= field;
      json_.expect(':');
      if (field == dtype) entry.dtype = read_dtype(name);
      if (field == shape) {
        entry.shape_at = static_cast<std::uint32_t>(json_.position());
        extents = read_extents(json_);
      }
      if (field == offsets) read_offsets(entry);
    }
    if (seen != (dtype | shape | offsets)) {
      json_.fail(fmt::format("a tensor must have dtype, shape and data_offsets; {} has not", quoted(name)));
    }
    check_size(entry, extents);
    header_.tensors.push_back(entry);
  }

  Dtype read_dtype(std::string_view tensor) {
    const std::string_view name = string();
    const std::optional<Dtype> dtype = find_dtype(name);
    if (!dtype)
      unsupported(fmt::format("the dtype must be one of the format's; {} has {}", quoted(tensor), quoted(name)));
    return *dtype;
  }

  void read_offsets(TensorEntry& entry) {
    json_.expect('[');
    entry.begin = json_.natural();
    json_.expect(',');
    entry.end = json_.natural();
    json_.expect(']');
    if (entry.begin > entry.end) json_.fail("data_offsets must not decrease");
  }

  void check_size(const TensorEntry& entry, const Extents& extents) const {
    const auto fail = [&](std::string_view rule) {
      json_.fail(fmt::format("{}; {} has shape [{}] of {} and data_offsets [{},{}]", rule, quoted(header_.name(entry)),
                             join(extents.span()), dtype_name(entry.dtype), entry.begin, entry.end));
    };
    // Shape's own limit, in its own order: an extent of 0 makes the others harmless.
    constexpr std::uint64_t max_elements = std::uint64_t{1} << 56;
    const bool empty = std::ranges::find(extents.span(), 0) != extents.span().end();
    std::uint64_t count = empty ? 0 : 1;
    for (std::size_t axis = 0; axis < extents.rank && !empty; ++axis) {
      const auto extent = static_cast<std::uint64_t>(extents.values[axis]);
      if (extent > max_elements / count) fail("a tensor must have at most 2^56 elements");
      count *= extent;
    }
    const std::optional<std::uint64_t> bytes = dtype_bytes(entry.dtype, count);
    if (!bytes || entry.end - entry.begin != *bytes) fail("data_offsets must span the shape's elements");
  }

  SafetensorsHeader& header_;
  JsonText source_;
  JsonCursor json_{source_};
};

// The tensors, in the order of their data, must fill it without holes or overlaps.
void check_layout(SafetensorsHeader& header, const FileReading& reading) {
  // An empty tensor shares its place with the tensor that follows it.
  std::ranges::sort(header.tensors, [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t filled = 0;
  for (const TensorEntry& entry : header.tensors) {
    if (entry.begin != filled) {
      reading.fail(
          ErrorCode::file_format,
          fmt::format("data_offsets must leave no hole and no overlap; {} begins at {}, the data before it ends "
                      "at {}",
                      quoted(header.name(entry)), entry.begin, filled),
          length_bytes + entry.name_at);
    }
    filled = entry.end;
  }
  if (filled != header.data_size) {
    reading.fail(ErrorCode::file_format,
                 fmt::format("the tensors must end where the file ends; they have {} bytes of data, the file has {}",
                             filled, header.data_size),
                 length_bytes + header.text_size);
  }
}

void index_names(SafetensorsHeader& header, const FileReading& reading) {
  const auto name = [&](std::uint32_t position) { return header.name(header.tensors[position]); };
  header.by_name.resize(header.tensors.size());
  for (std::uint32_t i = 0; i < header.by_name.size(); ++i) header.by_name[i] = i;
  std::ranges::sort(header.by_name, {}, name);
  const auto same = std::ranges::adjacent_find(header.by_name, {}, name);
  if (same == header.by_name.end()) return;
  reading.fail(ErrorCode::file_format, fmt::format("keys must be unique; given {} twice", quoted(name(*same))),
               length_bytes + std::max(header.tensors[same[0]].name_at, header.tensors[same[1]].name_at));
}

}  // namespace

Shape SafetensorsHeader::shape(const TensorEntry& entry) const {
  const JsonText checked_before{"", "", {text.get() + entry.shape_at, text_size - entry.shape_at}};
  JsonCursor json(checked_before);
  return Shape(read_extents(json).span());
}

const TensorEntry* SafetensorsHeader::find(std::string_view wanted) const {
  const auto name_of = [this](std::uint32_t position) { return name(tensors[position]); };
  const auto at = std::ranges::lower_bound(by_name, wanted, {}, name_of);
  return at != by_name.end() && name_of(*at) == wanted ? &tensors[*at] : nullptr;
}

SafetensorsHeader read_header(InputFile& file, const FileReading& reading) {
  if (file.size() < length_bytes) {
    reading.fail(ErrorCode::file_format, "the file must begin with 8 bytes of header length; it is shorter",
                 file.size());
  }
  std::uint64_t length = 0;
  file.read(std::as_writable_bytes(std::span(&length, 1)));
  if (length > max_header_bytes || length > file.size() - length_bytes) {
    reading.fail(ErrorCode::file_format,
                 fmt::format("the header must have at most {} bytes and fit in the file; given {}, the file has {}",
                             max_header_bytes, length, file.size()),
                 0);
  }
  SafetensorsHeader header;
  header.text = std::make_unique_for_overwrite<char[]>(length);
  header.text_size = length;
  header.data_size = file.size() - length_bytes - length;
  file.read(std::as_writable_bytes(std::span(header.text.get(), length)));
  HeaderParser(header, reading).parse();
  check_layout(header, reading);
  index_names(header, reading);
  return header;
}

std::string quoted(std::string_view name) {
  constexpr std::size_t longest = 200;
  if (name.size() <= longest) return fmt::format("{:?}", name);
  return fmt::format("{:?} ({} bytes in all)", name.substr(0, longest), name.size());
}

}  // namespace unspool::detail
