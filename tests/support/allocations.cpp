#include "support/allocations.hpp"

#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

thread_local std::int64_t allocations = 0;
thread_local std::int64_t bytes_alive = 0;
thread_local std::int64_t bytes_peak = 0;
thread_local std::int64_t until_failure = -1;  // negative: none is planned
thread_local bool failed = false;

void* allocate(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  if (until_failure >= 0 && until_failure-- == 0) {
    failed = true;
    throw std::bad_alloc();
  }
  if (bytes == 0) bytes = 1;
  void* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(bytes)
                     : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  bytes_alive += static_cast<std::int64_t>(malloc_usable_size(memory));
  if (bytes_alive > bytes_peak) bytes_peak = bytes_alive;
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) bytes_alive -= static_cast<std::int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

// The array forms call these. So do the nothrow forms of libstdc++, but those of a sanitizer bring memory of their own.
void* operator new(std::size_t bytes) { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept try {
  return allocate(bytes, 1);
} catch (const std::bad_alloc&) {
  return nullptr;
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace unspool::test {

std::int64_t allocation_count() { return allocations; }
std::int64_t living_bytes() { return bytes_alive; }
std::int64_t peak_bytes() { return bytes_peak; }
void restart_peak() { bytes_peak = bytes_alive; }

FailAllocation::FailAllocation(std::int64_t after) {
  failed = false;
  until_failure = after;
}
FailAllocation::~FailAllocation() { until_failure = -1; }
bool FailAllocation::happened() const { return failed; }

}  // namespace unspool::test
