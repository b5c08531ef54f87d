// The heap, counted: operator new of the whole program, the library's included, goes through here.
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "measure.hpp"

namespace {

std::int64_t living = 0;
std::int64_t most = 0;

void* allocate(std::size_t bytes, std::size_t alignment) {
  bytes = std::max<std::size_t>(bytes, 1);
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(bytes)
                           : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  living += static_cast<std::int64_t>(malloc_usable_size(memory));
  most = std::max(most, living);
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) living -= static_cast<std::int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace memory_tool {

HeapPeak::HeapPeak() : before_(living) { most = living; }
int64_t HeapPeak::bytes() const { return most - before_; }

}  // namespace memory_tool
