// Every rule of the format, broken once: the error names the rule, the file and the byte.
#include <doctest/doctest.h>

#include "safetensors_support.hpp"
#include "unspool/safetensors.hpp"

using namespace unspool;
using namespace unspool::test;

namespace {

struct Broken {
  const char* story;
  std::string bytes;
  const char* rule;
  ErrorCode code = ErrorCode::file_format;
};

// One tensor with the given parts of its entry, and three bytes of data.
std::string entry(std::string_view dtype, std::string_view shape, std::string_view offsets,
                  std::string_view data = "xyz") {
  return weight_file(R"({"a":{"dtype":)" + std::string(dtype) + R"(,"shape":)" + std::string(shape) +
                         R"(,"data_offsets":)" + std::string(offsets) + "}}",
                     data);
}

std::string named(std::string_view name) {
  return weight_file(R"({")" + std::string(name) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
}

std::string two(std::string_view first, std::string_view second) {
  return weight_file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + std::string(first) +
                         R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + std::string(second) + "}}",
                     "wxyz");
}

std::string many_tensors(int count) {
  std::string header = "{";
  for (int i = 0; i < count; ++i) {
    header += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  return weight_file(header + "}");
}

std::string many_metadata_entries(int count) {
  std::string header = R"({"__metadata__":{)";
  for (int i = 0; i < count; ++i) header += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":"")";
  return weight_file(header + "}}");
}

void check_broken(std::span<const Broken> cases) {
  const TemporaryFolder folder;
  const std::string path = folder / "broken.safetensors";
  for (const Broken& broken : cases) {
    CAPTURE(broken.story);
    put_file(path, broken.bytes);
    const Error error = error_from([&] { read_safetensors(path); });
    CAPTURE(error.what());
    CHECK(error.code() == broken.code);
    CHECK(contains(error.what(), broken.rule));
    CHECK(contains(error.where(), "in " + path + " at byte "));
  }
}

}  // namespace

TEST_CASE("a broken length or frame of the header is rejected") {
  const std::string valid = entry(R"("U8")", "[3]", "[0,3]");
  const Broken cases[] = {
      {"an empty file", "", "8 bytes of header length"},
      {"seven bytes", std::string(7, '\0'), "8 bytes of header length"},
      {"no header", weight_file(""), "must begin with '{'"},
      {"a length beyond the file", little_endian<std::uint64_t>(3) + "{}", "fit in the file"},
      {"the largest length", little_endian<std::uint64_t>(~0ull) + "{}", "fit in the file"},
      {"a length whose end overflows", little_endian<std::uint64_t>(~0ull - 7) + "{}", "fit in the file"},
      {"a leading space", weight_file(" {}"), "must begin with '{'"},
      {"a byte order mark", weight_file("\xEF\xBB\xBF{}"), "must begin with '{'"},
      {"a list", weight_file("[]"), "must begin with '{'"},
      {"trailing line feed", weight_file("{}\n"), "only spaces may follow"},
      {"trailing zeros", weight_file(std::string("{}\0\0", 4)), "only spaces may follow"},
      {"a second object", weight_file("{} {}"), "only spaces may follow"},
      {"only the opening brace", weight_file("{"), "a '\"' here; it ends"},
      {"a trailing comma", weight_file(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},})"), "a '\"' here"},
      {"no comma", weight_file(R"({"__metadata__":{}"b":{}})"), "a '}' here; given '\"'"},
      {"no colon", weight_file(R"({"a"{}})"), "a ':' here; given '{'"},
      {"a comment", weight_file("{/**/}"), "a '\"' here; given '/'"},
      {"one byte of data too many", valid + "!", "must end where the file ends"},
      {"one byte of data too few", valid.substr(0, valid.size() - 1), "must end where the file ends"},
      {"data without tensors", weight_file("{}", "x"), "must end where the file ends"},
  };
  check_broken(cases);
}

TEST_CASE("a header above 100,000,000 bytes is rejected before it is read") {
  const TemporaryFolder folder;
  const std::string path = folder / "large.safetensors";
  put_file(path, little_endian<std::uint64_t>(100'000'001) + "{");
  std::filesystem::resize_file(path, 8 + 100'000'001);  // sparse: takes no room on the disk
  const Error error = error_from([&] { read_safetensors(path); });
  CHECK(error.code() == ErrorCode::file_format);
  CHECK(contains(error.what(), "at most 100000000 bytes"));
}

TEST_CASE("a tensor's entry has dtype, shape and data_offsets, each once, and nothing else") {
  const Broken cases[] = {
      {"no dtype", weight_file(R"({"a":{"shape":[0],"data_offsets":[0,0]}})"), "dtype, shape and data_offsets"},
      {"no shape", weight_file(R"({"a":{"dtype":"U8","data_offsets":[0,0]}})"), "dtype, shape and data_offsets"},
      {"no offsets", weight_file(R"({"a":{"dtype":"U8","shape":[0]}})"), "dtype, shape and data_offsets"},
      {"nothing", weight_file(R"({"a":{}})"), "\"a\" has not"},
      {"dtype twice", weight_file(R"({"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
       "\"a\" has dtype twice"},
      {"another key", weight_file(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}})"), "\"a\" has \"x\""},
      {"the same name twice",
       weight_file(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                   R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
       "unique; given \"a\" twice"},
      {"the same name, once escaped",
       weight_file(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                   R"("\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
       "unique; given \"a\" twice"},
      {"a number instead of an entry", weight_file(R"({"a":1})"), "a '{' here; given '1'"},
      {"null instead of an entry", weight_file(R"({"a":null})"), "a '{' here; given 'n'"},
      {"dtype not a string", entry("8", "[3]", "[0,3]"), "a '\"' here; given '8'"},
      {"unknown dtype", entry(R"("F99")", "[3]", "[0,3]"), "\"a\" has \"F99\"", ErrorCode::unsupported},
      {"dtype in small letters", entry(R"("u8")", "[3]", "[0,3]"), "\"a\" has \"u8\"", ErrorCode::unsupported},
  };
  check_broken(cases);
}

TEST_CASE("extents and offsets are non-negative integers without overflow") {
  const char* const number = "a number must be a non-negative integer below 2^64";
  const Broken cases[] = {
      {"negative", entry(R"("U8")", "[-3]", "[0,3]"), number},
      {"minus zero", entry(R"("U8")", "[-0]", "[0,3]"), number},
      {"a sign", entry(R"("U8")", "[+3]", "[0,3]"), number},
      {"a fraction", entry(R"("U8")", "[3.0]", "[0,3]"), number},
      {"an exponent", entry(R"("U8")", "[3e0]", "[0,3]"), number},
      {"a leading zero", entry(R"("U8")", "[03]", "[0,3]"), number},
      {"hexadecimal", entry(R"("U8")", "[0x3]", "[0,3]"), "a ']' here; given 'x'"},
      {"a string", entry(R"("U8")", R"(["3"])", "[0,3]"), number},
      {"a nested list", entry(R"("U8")", "[[3]]", "[0,3]"), number},
      {"deep nesting", entry(R"("U8")", std::string(50'000, '['), "[0,3]"), number},
      {"an empty place", entry(R"("U8")", "[3,]", "[0,3]"), number},
      {"2^64", entry(R"("U8")", "[3]", "[0,18446744073709551616]"), number},
      {"many digits", entry(R"("U8")", "[3]", "[0,99999999999999999999999]"), number},
      {"an extent of 2^63", entry(R"("U8")", "[9223372036854775808]", "[0,3]"), "below 2^63"},
      {"a product above 2^56", entry(R"("U8")", "[4294967296,4294967296]", "[0,3]"), "at most 2^56 elements"},
      {"a product that overflows to 3", entry(R"("U8")", "[12297829382473034411,9]", "[0,3]"), "below 2^63"},
      {"a product that overflows to 0", entry(R"("U8")", "[4611686018427387904,4]", "[0,0]", ""), "at most 2^56"},
      {"nine axes", entry(R"("U8")", "[3,1,1,1,1,1,1,1,1]", "[0,3]"), "at most 8 axes", ErrorCode::unsupported},
  };
  check_broken(cases);
}

TEST_CASE("data_offsets span the shape and leave no hole and no overlap") {
  const char* const span = "data_offsets must span the shape's elements; \"a\" has shape";
  const Broken cases[] = {
      {"too long", entry(R"("U8")", "[2]", "[0,3]"), span},
      {"too short", entry(R"("U8")", "[4]", "[0,3]"), span},
      {"the wrong element size", entry(R"("F32")", "[3]", "[0,3]"), span},
      {"a scalar without bytes", entry(R"("U8")", "[]", "[0,0]", ""), span},
      {"an empty tensor with bytes", entry(R"("U8")", "[0]", "[0,3]"), span},
      {"half a byte", entry(R"("F4")", "[5]", "[0,3]"), span},
      {"decreasing", entry(R"("U8")", "[3]", "[3,0]"), "must not decrease"},
      {"one offset", entry(R"("U8")", "[3]", "[0]"), "a ',' here; given ']'"},
      {"three offsets", entry(R"("U8")", "[3]", "[0,3,3]"), "a ']' here; given ','"},
      {"not a list", entry(R"("U8")", "[3]", R"({"a":3})"), "a '[' here; given '{'"},
      {"a hole at the front", entry(R"("U8")", "[2]", "[1,3]"), "no hole and no overlap; \"a\" begins at 1"},
      {"a hole between", two("[0,2]", "[3,5]"), "\"b\" begins at 3, the data before it ends at 2"},
      {"an overlap", two("[0,2]", "[1,3]"), "\"b\" begins at 1, the data before it ends at 2"},
      {"the same bytes twice", two("[0,2]", "[0,2]"), "no hole and no overlap"},
      {"beyond the file", two("[0,2]", "[1000000,1000002]"), "no hole and no overlap"},
      {"an empty tensor inside another",
       weight_file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                   R"("b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})",
                   "xy"),
       "no hole and no overlap"},
      {"an empty tensor behind the end",
       weight_file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                   R"("b":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}})",
                   "xy"),
       "no hole and no overlap"},
  };
  check_broken(cases);
}

TEST_CASE("the metadata maps strings to strings, once") {
  const Broken cases[] = {
      {"not an object", weight_file(R"({"__metadata__":"pt"})"), "a '{' here"},
      {"null", weight_file(R"({"__metadata__":null})"), "a '{' here"},
      {"a number", weight_file(R"({"__metadata__":{"a":1}})"), "a '\"' here; given '1'"},
      {"an object inside", weight_file(R"({"__metadata__":{"a":{}}})"), "a '\"' here; given '{'"},
      {"a key twice", weight_file(R"({"__metadata__":{"a":"1","b":"2","a":"1"}})"), "unique; given \"a\" twice"},
      {"metadata twice", weight_file(R"({"__metadata__":{},"__metadata__":{}})"), "given \"__metadata__\" twice"},
      {"metadata twice, once escaped", weight_file(R"({"__metadata__":{},"\u005f_metadata__":{}})"),
       "given \"__metadata__\" twice"},
  };
  check_broken(cases);
}

TEST_CASE("strings are UTF-8 with JSON's escapes and nothing looser") {
  const char* const utf8 = "valid UTF-8";
  const Broken cases[] = {
      {"a stray continuation byte", named("a\x80"), utf8},
      {"an overlong slash", named("\xC0\xAF"), utf8},
      {"an overlong three-byte form", named("\xE0\x80\xAF"), utf8},
      {"an overlong four-byte form", named("\xF0\x80\x80\xAF"), utf8},
      {"an encoded surrogate", named("\xED\xA0\x80"), utf8},
      {"above U+10FFFF", named("\xF4\x90\x80\x80"), utf8},
      {"a lead byte that is none", named("\xFF"), utf8},
      {"a character cut by the quote", named("\xE2\x82"), utf8},
      {"a character cut by the end", weight_file("{\"\xF0\x9F\x98"), utf8},
      {"a raw control character", named("a\x01"), "control characters"},
      {"a raw line feed", named("a\n"), "control characters"},
      {"a raw zero", named(std::string_view("a\0", 2)), "control characters"},
      {"an unknown escape", named(R"(\x41)"), "an escape must be one of"},
      {"an escaped quote mark of another kind", named(R"(\')"), "an escape must be one of"},
      {"three digits", named(R"(\u004)"), "four hexadecimal digits"},
      {"a letter beyond F", named(R"(\u00G1)"), "four hexadecimal digits"},
      {"a sign among the digits", named(R"(\u+041)"), "four hexadecimal digits"},
      {"a lone high surrogate", named(R"(\uD83D)"), "followed by an escaped low one"},
      {"two high surrogates", named(R"(\uD83D\uD83D)"), "followed by an escaped low one"},
      {"a high surrogate and a letter", named(R"(\uD83Dabcdef)"), "followed by an escaped low one"},
      {"a lone low surrogate", named(R"(\uDE00)"), "must follow a high one"},
      {"an escape cut by the end", weight_file(R"({"a\)"), "an escape must be one of"},
      {"digits cut by the end", weight_file(R"({"a\u00)"), "four hexadecimal digits"},
      {"the last digit cut by the end", weight_file(R"({"a\u004)"), "four hexadecimal digits"},
      {"no closing quote", weight_file(R"({"abc)"), "must end with '\"'"},
      {"single quotes", weight_file("{'a':1}"), "a '\"' here"},
  };
  check_broken(cases);
}

TEST_CASE("the number of tensors and of metadata entries is bounded") {
  const TemporaryFolder folder;
  const std::string path = folder / "many.safetensors";
  put_file(path, many_tensors(32'768));
  CHECK(read_safetensors(path).size() == 32'768);
  put_file(path, many_metadata_entries(4'096));
  CHECK(read_safetensors(path).metadata().size() == 4'096);
  const Broken cases[] = {
      {"tensors", many_tensors(32'769), "at most 32768 tensors", ErrorCode::unsupported},
      {"metadata", many_metadata_entries(4'097), "at most 4096 metadata entries", ErrorCode::unsupported},
  };
  check_broken(cases);
}

TEST_CASE("the byte in an error is where the rule is broken") {
  const TemporaryFolder folder;
  const std::string path = folder / "m.safetensors";
  put_file(path, weight_file(R"({"a":?})"));
  const Error error = error_from([&] { read_safetensors(path); });
  CHECK(error.what() ==
        "read_safetensors: the text must have a '{' here; given '?'; in " + path + " at byte 13 (E017)");
}
