// Files laid out by hand, as other writers make them, and what read_safetensors says of them.
#include <doctest/doctest.h>

#include <array>

#include "files/input_file.hpp"
#include "safetensors_support.hpp"
#include "unspool/safetensors.hpp"

using namespace unspool;
using namespace unspool::test;

namespace {

TensorFile read(std::string_view bytes) {
  const TemporaryFolder folder;
  put_file(folder / "m.safetensors", bytes);
  return read_safetensors(folder / "m.safetensors");
}

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("a file of the reference writer is read: dtypes, shapes, bytes and metadata") {
  // The reference writer puts the tensors in the order of their data; the header is padded to a multiple of 8.
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"scale":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
      R"("bias":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
      R"("none":{"dtype":"F32","shape":[0,3],"data_offsets":[16,16]},)"
      R"("mask":{"dtype":"BOOL","shape":[3],"data_offsets":[16,19]}}    )";
  const std::string data = little_endian(2.5) + little_endian(1.0f) + little_endian(-3.0f) + std::string("\1\0\1", 3);
  const TensorFile file = read(weight_file(header, data));

  REQUIRE(file.size() == 4);
  CHECK(file[0].name == "scale");
  CHECK(file[0].dtype == "F64");
  CHECK(file[0].shape == Shape{});
  CHECK(text(file[0].bytes) == little_endian(2.5));
  CHECK(file[1].name == "bias");
  CHECK(file[1].shape == Shape{2});
  CHECK(text(file[1].bytes) == little_endian(1.0f) + little_endian(-3.0f));
  CHECK(file[2].shape == Shape{0, 3});
  CHECK(file[2].bytes.empty());
  CHECK(file[3].dtype == "BOOL");
  CHECK(text(file[3].bytes) == std::string("\1\0\1", 3));
  CHECK(file.metadata() == Metadata{{"format", "pt"}});
  REQUIRE(file.find("bias"));
  CHECK(file.find("bias")->bytes.data() == file[1].bytes.data());
  CHECK_FALSE(file.find("weight"));
  CHECK(error_from([&] { file[4]; }).code() == ErrorCode::index_out_of_range);
}

TEST_CASE("a file without tensors is legal") {
  CHECK(read(weight_file("{}")).size() == 0);
  CHECK(read(weight_file("{}      ")).size() == 0);
  CHECK(read(weight_file(R"({"__metadata__":{}})")).metadata().empty());
  CHECK(read(weight_file("{ \n\t\r}")).size() == 0);
}

TEST_CASE("the header may list tensors, and a tensor its fields, in any order") {
  const TensorFile file = read(weight_file(R"({"b" : {"data_offsets":[1,3],"shape":[ 2 ],"dtype":"U8"},)"
                                           R"("__metadata__":{"z":"1","a":"2"},)"
                                           R"("a":{"shape":[1],"dtype":"I8","data_offsets":[0,1]}})",
                                           "xyz"));
  REQUIRE(file.size() == 2);
  CHECK(file[0].name == "a");
  CHECK(text(file[0].bytes) == "x");
  CHECK(file[1].name == "b");
  CHECK(text(file[1].bytes) == "yz");
  CHECK(file.metadata() == Metadata{{"z", "1"}, {"a", "2"}});
}

TEST_CASE("every dtype of the format is listed with its own size") {
  const std::pair<const char*, int> dtypes[] = {
      {"F64", 64}, {"I64", 64},    {"U64", 64},    {"C64", 64},    {"F32", 32},    {"I32", 32},   {"U32", 32},
      {"F16", 16}, {"BF16", 16},   {"I16", 16},    {"U16", 16},    {"I8", 8},      {"U8", 8},     {"BOOL", 8},
      {"F4", 4},   {"F8_E8M0", 8}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}};
  for (const auto& row : dtypes) {
    const std::string name = row.first;
    CAPTURE(name);
    const auto header = [&](int bytes) {
      return R"({"a":{"dtype":")" + name + R"(","shape":[4],"data_offsets":[0,)" + std::to_string(bytes) + "]}}";
    };
    const int bytes = 4 * row.second / 8;
    CHECK(read(weight_file(header(bytes), std::string(static_cast<std::size_t>(bytes), 'x')))[0].dtype == name);
    CHECK(error_from([&] {
            read(weight_file(header(bytes + 1), std::string(static_cast<std::size_t>(bytes) + 1, 'x')));
          }).code() == ErrorCode::file_format);
  }
}

TEST_CASE("names are unescaped, surrogate pairs and raw UTF-8 included") {
  const auto name = [](std::string_view escaped) {
    const TensorFile file =
        read(weight_file(R"({")" + std::string(escaped) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"));
    return std::string(file[0].name);
  };
  CHECK(name("") == "");
  CHECK(name(R"(a\"b\\c\/d)") == "a\"b\\c/d");
  CHECK(name(R"(\b\f\n\r\t)") == "\b\f\n\r\t");
  CHECK(name(R"(\u0041\u00e9\u20AC)") == "A\xC3\xA9\xE2\x82\xAC");
  CHECK(name(R"(\uD83D\ude00!)") == "\xF0\x9F\x98\x80!");
  CHECK(name(R"(\uD800\uDC00\uDBFF\uDFFF)") == "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
  CHECK(name("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80") == "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(name(R"(\u0000)") == std::string(1, '\0'));
  CHECK(name("\x7F") == "\x7F");
}

TEST_CASE("what cannot be opened as a plain file is file_open, with the path and the reason") {
  const TemporaryFolder folder;
  const Error missing = error_from([&] { read_safetensors(folder / "none.safetensors"); });
  CHECK(missing.code() == ErrorCode::file_open);
  CHECK(missing.op() == "read_safetensors");
  CHECK(contains(missing.what(), "none.safetensors: No such file or directory"));
  CHECK(error_from([&] { read_safetensors(folder.path().string()); }).code() == ErrorCode::file_open);
  CHECK(error_from([&] { read_safetensors("/dev/zero"); }).code() == ErrorCode::file_open);
  CHECK(error_from([&] { read_safetensors(std::string("a\0b", 3)); }).code() == ErrorCode::file_open);
}

TEST_CASE("a tensor file's views outlive the copy they were taken from") {
  std::optional<TensorFile> first = read(weight_file(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"));
  const TensorFile second = *first;
  const NamedTensor tensor = (*first)[0];
  first.reset();
  CHECK(tensor.name == "a");
  CHECK(text(tensor.bytes) == "x");
}

TEST_CASE("a file that becomes shorter while it is read is file_format") {
  const TemporaryFolder folder;
  put_file(folder / "m", "0123456789");
  const detail::FileReading reading{"read_test", folder / "m"};
  detail::InputFile file(reading);
  REQUIRE(file.size() == 10);
  std::array<std::byte, 8> bytes;
  file.read(std::span(bytes).first(2));
  put_file(folder / "m", "0123");
  const Error error = error_from([&] { file.read(bytes); });
  CHECK(error.code() == ErrorCode::file_format);
  CHECK(contains(error.what(), "it ends early; in " + (folder / "m") + " at byte 4"));
}
