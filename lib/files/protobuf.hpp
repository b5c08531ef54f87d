// A protobuf message under construction: the four field kinds that writing a model takes (protobuf's encoding guide, "The
// structure of a message").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace unspool::detail {

class ProtoMessage {
 public:
  ProtoMessage& integer(int field, std::int64_t value) {
    varint(tag(field, 0));
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  /// A repeated integer, unpacked, as proto2 has it.
  ProtoMessage& integers(int field, std::span<const std::int64_t> values) {
    for (const std::int64_t value : values) integer(field, value);
    return *this;
  }
  /// Text or raw bytes.
  ProtoMessage& text(int field, std::string_view value) {
    varint(tag(field, 2));
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  ProtoMessage& message(int field, const ProtoMessage& value) { return text(field, value.bytes_); }

  const std::string& bytes() const noexcept { return bytes_; }

 private:
  static std::uint64_t tag(int field, unsigned wire) { return static_cast<std::uint64_t>(field) << 3 | wire; }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

}  // namespace unspool::detail
