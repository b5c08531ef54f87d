// The bytes that are written, held against layouts made by hand.
#include <doctest/doctest.h>

#include <vector>

#include "safetensors_support.hpp"
#include "unspool/safetensors.hpp"

using namespace unspool;
using namespace unspool::test;

namespace {

NamedTensor tensor(std::string_view name, std::string_view dtype, const Shape& shape, std::string_view bytes) {
  return {name, dtype, shape, std::as_bytes(std::span(bytes))};
}

std::string written(const std::vector<NamedTensor>& tensors, const Metadata& metadata = {}) {
  const TemporaryFolder folder;
  write_safetensors(folder / "m.safetensors", tensors, metadata);
  CHECK(folder.names() == std::set<std::string>{"m.safetensors"});
  return get_file(folder / "m.safetensors");
}

ErrorCode rejected(const std::vector<NamedTensor>& tensors, const Metadata& metadata = {}) {
  const TemporaryFolder folder;
  const Error error = error_from([&] { write_safetensors(folder / "m.safetensors", tensors, metadata); });
  CHECK(error.op() == "write_safetensors");
  CHECK(folder.names().empty());
  return error.code();
}

}  // namespace

TEST_CASE("one tensor is written to the byte") {
  const std::string data = little_endian(0.0f) + little_endian(1.0f) + little_endian(2.0f);
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"attn.0":{"dtype":"F32","shape":[1,3],"data_offsets":[0,12]}})";
  // 93 bytes of JSON and 3 spaces.
  CHECK(written({tensor("attn.0", "F32", {1, 3}, data)}) ==
        std::string("\x60\0\0\0\0\0\0\0", 8) + header + "   " + data);
}

TEST_CASE("no tensors make a header of metadata alone") {
  const std::string header = R"({"__metadata__":{"format":"pt"}})";
  CHECK(written({}) == std::string("\x20\0\0\0\0\0\0\0", 8) + header);
}

TEST_CASE("tensors are sorted by descending element size, then by name, whatever order they come in") {
  const NamedTensor a = tensor("a", "U8", {1}, "1"), b = tensor("b", "F32", {1}, "bbbb"),
                    c = tensor("c", "F64", {}, "cccccccc"), d = tensor("d", "F32", {1}, "dddd"),
                    e = tensor("e", "F16", {2}, "eeee"), f = tensor("f", "I64", {1}, "ffffffff"),
                    z = tensor("B", "F32", {0, 2}, "");
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("c":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
                             R"("f":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},)"
                             R"("B":{"dtype":"F32","shape":[0,2],"data_offsets":[16,16]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},)"
                             R"("d":{"dtype":"F32","shape":[1],"data_offsets":[20,24]},)"
                             R"("e":{"dtype":"F16","shape":[2],"data_offsets":[24,28]},)"
                             R"("a":{"dtype":"U8","shape":[1],"data_offsets":[28,29]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::string expected = weight_file(padded, "ccccccccffffffffbbbbddddeeee1");
  CHECK(written({a, b, c, d, e, f, z}) == expected);
  CHECK(written({z, f, e, d, c, b, a}) == expected);
}

TEST_CASE("the user's metadata follows the default, or replaces it") {
  CHECK(contains(written({}, {{"epoch", "3"}, {"a", ""}}), R"({"__metadata__":{"format":"pt","epoch":"3","a":""}})"));
  CHECK(contains(written({}, {{"epoch", "3"}, {"format", "np"}}), R"({"__metadata__":{"epoch":"3","format":"np"}})"));
}

TEST_CASE("names and metadata are escaped as JSON wants it, and read back the same") {
  const std::string name = "\"\\/\b\f\n\r\t\x01\x1F\x7F\xC3\xA9\xF0\x9F\x98\x80" + std::string(1, '\0');
  const std::string bytes = written({tensor(name, "U8", {0}, "")}, {{name, name}});
  const std::string escaped = R"("\"\\/\b\f\n\r\t\u0001\u001f)"
                              "\x7F\xC3\xA9\xF0\x9F\x98\x80"
                              R"(\u0000")";
  CHECK(contains(bytes, escaped + R"(:{"dtype")"));
  CHECK(contains(bytes, escaped + ":" + escaped));

  const TemporaryFolder folder;
  put_file(folder / "m", bytes);
  const TensorFile file = read_safetensors(folder / "m");
  CHECK(file[0].name == name);
  CHECK(file.metadata() == Metadata{{"format", "pt"}, {name, name}});
}

TEST_CASE("a file that is read and written again keeps its bytes") {
  const std::string bytes =
      written({tensor("a", "BF16", {2}, "abcd"), tensor("b", "I32", {1, 1}, "efgh")}, {{"k", "v"}});
  const TemporaryFolder folder;
  put_file(folder / "m", bytes);
  const TensorFile file = read_safetensors(folder / "m");
  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0; i < file.size(); ++i) tensors.push_back(file[i]);
  CHECK(written(tensors, file.metadata()) == bytes);
}

TEST_CASE("what would not be a legal file is not written") {
  CHECK(rejected({tensor("a", "F32", {2}, "1234")}) == ErrorCode::shape_mismatch);
  CHECK(rejected({tensor("a", "F4", {3}, "12")}) == ErrorCode::shape_mismatch);
  CHECK(rejected({tensor("a", "F99", {0}, "")}) == ErrorCode::unsupported);
  CHECK(rejected({tensor("a", "U8", {1}, "1"), tensor("a", "U8", {1}, "2")}) == ErrorCode::duplicate_name);
  CHECK(rejected({tensor("__metadata__", "U8", {1}, "1")}) == ErrorCode::bad_argument);
  CHECK(rejected({tensor("\xFF", "U8", {1}, "1")}) == ErrorCode::bad_argument);
  CHECK(rejected({}, {{"a", "\xC0\x80"}}) == ErrorCode::bad_argument);
  CHECK(rejected({}, {{"a", "1"}, {"b", "2"}, {"a", "3"}}) == ErrorCode::bad_argument);
  CHECK(rejected(std::vector<NamedTensor>(32'769)) == ErrorCode::unsupported);
  CHECK(rejected({}, Metadata(4'097)) == ErrorCode::unsupported);
  CHECK(rejected({}, {{"a", std::string(100'000'000, 'x')}}) == ErrorCode::unsupported);
}

TEST_CASE("a folder that is not there is file_write, with path and reason") {
  const TemporaryFolder folder;
  const Error error = error_from([&] { write_safetensors(folder / "none/m.safetensors", {}); });
  CHECK(error.code() == ErrorCode::file_write);
  CHECK(contains(error.what(), "No such file or directory; to " + (folder / "none/m.safetensors")));
}
