// Parameters saved and loaded: round trips, conversion, and all or nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "safetensors_support.hpp"
#include "unspool/parameter.hpp"
#include "unspool/safetensors.hpp"

using namespace unspool;
using namespace unspool::test;

namespace {

template <Scalar T>
ParameterSet<T> model(std::uint64_t seed) {
  ParameterSet<T> params(Seed{seed});
  params.add("encoder.weight_ih_l0", {4, 3}, uniform(-1, 1));
  params.add("encoder.bias_ih_l0", {4}, normal());
  params.add("scale", {}, constant(static_cast<double>(seed)));
  params.add("empty", {0, 5}, zeros());
  return params;
}

template <Scalar T>
std::vector<T> values(const ParameterSet<T>& params) {
  std::vector<T> all;
  for (const Parameter<T>& p : params) all.insert(all.end(), p.values().begin(), p.values().end());
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("parameters come back exactly, the special values included", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const TemporaryFolder folder;
  ParameterSet<T> saved = model<T>(1);
  const T special[] = {Limits::infinity(), -Limits::infinity(), T(-0.0), Limits::denorm_min()};
  std::ranges::copy(special, saved["encoder.bias_ih_l0"].mutable_values().begin());
  saved["scale"].mutable_values()[0] = Limits::quiet_NaN();
  save_safetensors(saved, folder / "m.safetensors");

  ParameterSet<T> loaded = model<T>(2);
  load_safetensors(loaded, folder / "m.safetensors");
  const std::vector<T> before = values(saved), after = values(loaded);
  REQUIRE(before.size() == 17);
  REQUIRE(after.size() == before.size());
  CHECK(std::memcmp(before.data(), after.data(), before.size() * sizeof(T)) == 0);
  CHECK(folder.names() == std::set<std::string>{"m.safetensors"});
}

TEST_CASE("the order in which parameters were added does not show in the file") {
  const TemporaryFolder folder;
  ParameterSet<float> one(Seed{7}), other(Seed{7});
  one.add("a", {2}, normal());
  one.add("b", {3}, normal());
  other.add("b", {3}, normal());
  other.add("a", {2}, normal());
  save_safetensors(one, folder / "one", {{"note", "x"}});
  save_safetensors(other, folder / "other", {{"note", "x"}});
  CHECK(get_file(folder / "one") == get_file(folder / "other"));
  CHECK(read_safetensors(folder / "one").metadata() == Metadata{{"format", "pt"}, {"note", "x"}});
}

TEST_CASE("parameters are written to the byte") {
  const TemporaryFolder folder;
  ParameterSet<double> params;
  params.add("w", {1, 2}, constant(0.1));
  save_safetensors(params, folder / "m");
  // 88 bytes of JSON, so no padding.
  CHECK(get_file(folder / "m") ==
        weight_file(R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}})",
                    little_endian(0.1) + little_endian(0.1)));
}

TEST_CASE("an empty set makes a file that loads into an empty set") {
  const TemporaryFolder folder;
  ParameterSet<float> none;
  save_safetensors(none, folder / "m");
  CHECK_NOTHROW(load_safetensors(none, folder / "m"));
}

TEST_CASE("double to float and float to double convert on loading") {
  const TemporaryFolder folder;
  ParameterSet<float> narrow = model<float>(1);
  ParameterSet<double> wide = model<double>(2);
  save_safetensors(narrow, folder / "float");
  load_safetensors(wide, folder / "float");
  const std::vector<float> expected = values(narrow);
  CHECK(values(wide) == std::vector<double>(expected.begin(), expected.end()));

  wide["scale"].mutable_values()[0] = 0.1;
  save_safetensors(wide, folder / "double");
  load_safetensors(narrow, folder / "double");
  CHECK(narrow["scale"].values()[0] == 0.1f);
}

TEST_CASE("half-precision tensors, and tensors that are not aligned, load into float and double parameters") {
  const TemporaryFolder folder;
  // A file of another writer, which does not sort by size: the doubles begin at byte 6.
  const std::string header = R"({"pad":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]},)"
                             R"("half":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
                             R"("brain":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]},)"
                             R"("wide":{"dtype":"F64","shape":[],"data_offsets":[6,14]}} )";
  const std::string data = little_endian<std::uint16_t>(0x3E00) + little_endian<std::uint16_t>(0xC000) +
                           little_endian<std::uint16_t>(0x4049) + little_endian(0.25);
  put_file(folder / "m", weight_file(header, data));
  const auto check = [&](auto params) {
    params.add("brain", {1}, zeros());
    params.add("half", {2}, zeros());
    params.add("wide", {}, zeros());
    params.add("pad", {0}, zeros());
    load_safetensors(params, folder / "m");
    CHECK(params["half"].values()[0] == 1.5);
    CHECK(params["half"].values()[1] == -2);
    CHECK(params["brain"].values()[0] == 3.140625);
    CHECK(params["wide"].values()[0] == 0.25);
  };
  check(ParameterSet<float>());
  check(ParameterSet<double>());
}

TEST_CASE("every missing, unused and misshapen tensor is named in one error, and nothing is loaded") {
  const TemporaryFolder folder;
  ParameterSet<float> saved = model<float>(1);
  saved.add("head.old", {2}, ones());
  saved.add("head.older", {}, ones());
  saved.add("turned", {2, 3}, ones());
  save_safetensors(saved, folder / "m");

  ParameterSet<float> loaded = model<float>(2);
  loaded.add("turned", {3, 2}, zeros());
  loaded.add("head.bias", {2}, zeros());
  loaded.add("head.weight", {2, 4}, zeros());
  const std::vector<float> before = values(loaded);
  const Error error = error_from([&] { load_safetensors(loaded, folder / "m"); });
  CHECK(error.code() == ErrorCode::weight_mismatch);
  CHECK(error.op() == "load_safetensors");
  CHECK(error.what() == R"(load_safetensors: the file must have exactly the parameters' tensors; )"
                        R"(missing "head.bias" [2], "head.weight" [2,4]; unused "head.old" [2], "head.older" []; )"
                        R"(misshapen "turned" is [2,3] and must be [3,2]; in )" +
                            (folder / "m") + " (E019)");
  CHECK(values(loaded) == before);
}

TEST_CASE("not strict, what fits is loaded and the rest reported") {
  const TemporaryFolder folder;
  ParameterSet<float> saved = model<float>(1);
  saved.add("head.old", {2}, ones());
  saved.add("turned", {2, 3}, ones());
  save_safetensors(saved, folder / "m");
  ParameterSet<float> loaded = model<float>(2);
  const std::size_t common = loaded.size();
  loaded.add("turned", {3, 2}, constant(7));
  loaded.add("head.bias", {2}, constant(8));
  const LoadReport report = load_safetensors(loaded, folder / "m", {.strict = false});
  for (std::size_t i = 0; i < common; ++i)
    CHECK(std::ranges::equal(loaded.at(i).values(), saved[loaded.at(i).name()].values()));
  CHECK(std::ranges::count(loaded["turned"].values(), 7) == 6);
  CHECK(std::ranges::count(loaded["head.bias"].values(), 8) == 2);
  CHECK(!report.exact());
  REQUIRE(report.missing.size() == 1);
  CHECK(report.missing[0].name == "head.bias");
  CHECK(report.missing[0].shape == Shape{2});
  REQUIRE(report.unused.size() == 1);
  CHECK(report.unused[0].name == "head.old");
  REQUIRE(report.misshapen.size() == 1);
  CHECK(report.misshapen[0].given == Shape{2, 3});
  CHECK(report.misshapen[0].expected == Shape{3, 2});
  CHECK(report.to_string() ==
        R"(missing "head.bias" [2]; unused "head.old" [2]; misshapen "turned" is [2,3] and must be [3,2])");
  CHECK(load_safetensors(saved, folder / "m").exact());
  CHECK(load_safetensors(saved, folder / "m").to_string() == "");
}

TEST_CASE("a prefix chooses one part of a file") {
  const TemporaryFolder folder;
  ParameterSet<float> saved(Seed{1});
  saved.add("module.encoder.w", {2}, normal());
  saved.add("module.encoder.b", {1}, normal());
  saved.add("module.head.w", {3}, normal());
  save_safetensors(saved, folder / "m");
  ParameterSet<float> encoder;
  encoder.add("w", {2}, zeros());
  encoder.add("b", {1}, zeros());
  CHECK(load_safetensors(encoder, folder / "m", {.prefix = "module.encoder."}).exact());
  CHECK(std::ranges::equal(encoder["w"].values(), saved["module.encoder.w"].values()));
  const Error error = error_from([&] { load_safetensors(encoder, folder / "m", {.prefix = "module."}); });
  CHECK(contains(error.what(), R"(missing "module.w" [2], "module.b" [1]; unused "module.encoder.b" [1], )"));
}

TEST_CASE("a mismatch with thousands of names stays readable") {
  const TemporaryFolder folder;
  std::vector<std::string> names;
  for (int i = 0; i < 20'000; ++i) names.push_back("tensor." + std::to_string(i) + std::string(30, 'x'));
  std::vector<NamedTensor> tensors;
  for (const std::string& name : names) tensors.push_back({name, "F32", {0}, {}});
  write_safetensors(folder / "m", tensors);
  ParameterSet<float> params;
  const Error error = error_from([&] { load_safetensors(params, folder / "m"); });
  CHECK(std::strlen(error.what()) < 70'000);
  CHECK(contains(error.what(), " more; in "));
}

TEST_CASE("tensors of integers do not load, whatever their shape") {
  const TemporaryFolder folder;
  put_file(folder / "m", weight_file(R"({"n":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})", "1234"));
  ParameterSet<float> params;
  params.add("n", {1}, constant(5));
  const Error error = error_from([&] { load_safetensors(params, folder / "m"); });
  CHECK(error.code() == ErrorCode::unsupported);
  CHECK(contains(error.what(), "\"n\" is I32"));
  CHECK(params["n"].values()[0] == 5);
}

TEST_CASE("a broken or absent file leaves the parameters as they were and names load_safetensors") {
  const TemporaryFolder folder;
  ParameterSet<float> params = model<float>(3);
  const std::vector<float> before = values(params);
  save_safetensors(params, folder / "m");
  const std::string bytes = get_file(folder / "m");
  put_file(folder / "m", bytes.substr(0, bytes.size() - 1));
  const Error broken = error_from([&] { load_safetensors(params, folder / "m"); });
  CHECK(broken.code() == ErrorCode::file_format);
  CHECK(broken.op() == "load_safetensors");
  CHECK(error_from([&] { load_safetensors(params, folder / "none"); }).code() == ErrorCode::file_open);
  CHECK(values(params) == before);
}

TEST_CASE("saving into a folder that is not there names save_safetensors") {
  const TemporaryFolder folder;
  const ParameterSet<float> params = model<float>(1);
  const Error error = error_from([&] { save_safetensors(params, folder / "none/m"); });
  CHECK(error.code() == ErrorCode::file_write);
  CHECK(error.op() == "save_safetensors");
}
