// Damaged files: cut anywhere, changed anywhere. They are rejected or read, and nothing else ever happens.
#include <doctest/doctest.h>

#include "safetensors_support.hpp"
#include "unspool/random.hpp"
#include "unspool/safetensors.hpp"

using namespace unspool;
using namespace unspool::test;

// tests/fuzz/safetensors_fuzz.cpp: aborts when the reader does anything but read or reject.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::string small_file() {
  return weight_file(R"({"__metadata__":{"format":"pt","note":"\u00e9\ud83d\ude00"},)"
                     R"("scale":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
                     R"("wei\"ght":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]},)"
                     R"("none":{"dtype":"BF16","shape":[0,3],"data_offsets":[16,16]},)"
                     R"("ids":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}}  )",
                     "0123456789abcdefghijklmn");
}

void fuzz(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

TEST_CASE("a file cut at any byte is file_format") {
  const TemporaryFolder folder;
  const std::string path = folder / "cut.safetensors";
  const std::string whole = small_file();
  put_file(path, whole);
  REQUIRE(read_safetensors(path).size() == 4);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    put_file(path, whole.substr(0, size));
    const Error error = error_from([&] { read_safetensors(path); });
    REQUIRE(error.code() == ErrorCode::file_format);
  }
}

TEST_CASE("a header cut at any byte, with its length corrected, is file_format") {
  const TemporaryFolder folder;
  const std::string path = folder / "cut.safetensors";
  const std::string whole = small_file();
  const std::string header = whole.substr(8, whole.size() - 8 - 24);
  REQUIRE(header.ends_with("}  "));
  for (std::size_t size = 0; size + 2 < header.size(); ++size) {
    CAPTURE(size);
    put_file(path, weight_file(header.substr(0, size), whole.substr(whole.size() - 24)));
    const Error error = error_from([&] { read_safetensors(path); });
    REQUIRE(error.code() == ErrorCode::file_format);
  }
}

TEST_CASE("random changes to a file are read or rejected, never worse") {
  Random random(Seed{20240229});
  const std::string whole = small_file();
  const std::string_view marks = "{}[]\",:\\u0129eE.- \n";
  for (int round = 0; round < 6000; ++round) {
    std::string bytes = whole;
    for (std::int64_t change = 1 + random.below(4); change > 0; --change) {
      const auto at = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(bytes.size())));
      switch (random.below(5)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.below(8));
          break;
        case 1:
          bytes[at] = static_cast<char>(random.bits());
          break;
        case 2:
          bytes[at] = marks[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(marks.size())))];
          break;
        case 3:
          bytes.insert(at, 1, static_cast<char>(random.bits()));
          break;
        default:
          bytes.erase(at, 1);
      }
    }
    fuzz(bytes);
  }
}

TEST_CASE("every single byte of the header set to other values is read or rejected") {
  const std::string whole = small_file();
  // Every seventh value, at an offset that shifts with the place: all values meet all kinds of places.
  for (std::size_t at = 0; at < whole.size() - 24; ++at) {
    for (std::size_t value = at % 7; value < 256; value += 7) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(value);
      fuzz(bytes);
    }
  }
}

TEST_CASE("a claim of more than the file holds is rejected by its numbers alone") {
  // None of these gets as far as an allocation of what it claims: that would be refused or end the process.
  const char* const headers[] = {
      R"({"a":{"dtype":"F64","shape":[1152921504606846976],"data_offsets":[0,9223372036854775808]}})",
      R"({"a":{"dtype":"U8","shape":[72057594037927936],"data_offsets":[0,72057594037927936]}})",
      R"({"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}})",
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}})",
  };
  const TemporaryFolder folder;
  for (const char* const header : headers) {
    CAPTURE(header);
    put_file(folder / "m", weight_file(header, "0123"));
    CHECK(error_from([&] { read_safetensors(folder / "m"); }).code() == ErrorCode::file_format);
  }
  put_file(folder / "m", little_endian<std::uint64_t>(99'999'999) + "{}");
  CHECK(error_from([&] { read_safetensors(folder / "m"); }).code() == ErrorCode::file_format);
}
