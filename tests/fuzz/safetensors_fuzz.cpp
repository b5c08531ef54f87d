// Any bytes at all, read as a weight file. Build with -fsanitize=fuzzer,address,undefined to let libFuzzer search; the
// unit tests call the same entry with damaged files.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "unspool/error.hpp"
#include "unspool/safetensors.hpp"

namespace {

// A file that is only in memory, with a path of its own.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("safetensors_fuzz", MFD_CLOEXEC)) { must(fd_ >= 0, "memfd_create"); }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void put(const std::uint8_t* data, std::size_t size) const {
    must(::ftruncate(fd_, 0) == 0 && ::pwrite(fd_, data, size, 0) == static_cast<ssize_t>(size), "pwrite");
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  static void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "safetensors_fuzz: %s\n", what);
    std::abort();
  }

 private:
  int fd_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file;
  file.put(data, size);
  try {
    const unspool::TensorFile tensors = unspool::read_safetensors(file.path());
    std::size_t total = 0;
    unsigned touched = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const unspool::NamedTensor tensor = tensors[i];
      total += tensor.bytes.size();
      for (const std::byte byte : tensor.bytes) touched += static_cast<unsigned>(byte);
      MemoryFile::must(tensors.find(tensor.name)->bytes.data() == tensor.bytes.data(), "find gives another tensor");
    }
    MemoryFile::must(total + 8 <= size && touched <= 255 * total, "the tensors have more bytes than the file");
    static_cast<void>(tensors.metadata());
  } catch (const unspool::Error& error) {
    MemoryFile::must(error.code() == unspool::ErrorCode::file_format || error.code() == unspool::ErrorCode::unsupported,
                     error.what());
  }
  return 0;
}
