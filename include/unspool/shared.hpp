// Shared: counted ownership of a type that only the library completes. std::shared_ptr would do the same and cost every
// includer 15,000 preprocessed lines.
#pragma once

#include <utility>

#include "unspool/export.hpp"

namespace unspool::detail {

/// Owns one count of a T, for which `retain(const T&)` and `release(const T&)` are found in T's namespace: the last
/// release destroys it. Counts may be taken and given back on any thread; one Shared belongs to one thread at a time.
template <class T>
class Shared {
 public:
  Shared() noexcept = default;
  /// Takes over the count that the object was made with.
  static Shared adopt(T* object) noexcept { return Shared(object); }
  /// Takes a count of its own.
  static Shared of(T& object) noexcept {
    retain(object);
    return Shared(&object);
  }

  Shared(const Shared& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) retain(*object_);
  }
  Shared(Shared&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Shared() {
    if (object_ != nullptr) release(*object_);
  }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  bool operator==(const Shared&) const = default;

 private:
  explicit Shared(T* object) noexcept : object_(object) {}
  T* object_ = nullptr;
};

}  // namespace unspool::detail
