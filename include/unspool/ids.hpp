// Ids: a view of integers (class targets, token ids, lengths, axes) in whatever integer type the caller keeps them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "unspool/shape.hpp"

namespace unspool {

/// Does not own: it must not outlive the container, which for a function argument it never does.
class Ids {
 public:
  Ids() noexcept = default;
  Ids(std::span<const std::int64_t> ids) noexcept : data_(ids.data()), count_(ids.size()), kind_(Kind::int64) {}
  Ids(std::span<const std::int32_t> ids) noexcept : data_(ids.data()), count_(ids.size()), kind_(Kind::int32) {}
  Ids(std::span<const std::uint8_t> ids) noexcept : data_(ids.data()), count_(ids.size()), kind_(Kind::uint8) {}
  Ids(const std::vector<std::int64_t>& ids) noexcept : Ids(std::span<const std::int64_t>(ids)) {}
  Ids(const std::vector<std::int32_t>& ids) noexcept : Ids(std::span<const std::int32_t>(ids)) {}
  Ids(const std::vector<std::uint8_t>& ids) noexcept : Ids(std::span<const std::uint8_t>(ids)) {}
  Ids(std::initializer_list<std::int64_t> ids) noexcept : Ids(std::span<const std::int64_t>(ids.begin(), ids.size())) {}
  Ids(const Shape& shape) noexcept : Ids(shape.extents()) {}

  std::int64_t size() const noexcept { return static_cast<std::int64_t>(count_); }
  std::int64_t operator[](std::int64_t i) const noexcept {
    switch (kind_) {
      case Kind::int64:
        return static_cast<const std::int64_t*>(data_)[i];
      case Kind::int32:
        return static_cast<const std::int32_t*>(data_)[i];
      default:
        return static_cast<const std::uint8_t*>(data_)[i];
    }
  }

 private:
  enum class Kind : std::uint8_t { int64, int32, uint8 };
  const void* data_ = nullptr;
  std::size_t count_ = 0;
  Kind kind_ = Kind::int64;
};

}  // namespace unspool
