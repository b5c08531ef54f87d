// save_onnx without a runtime: the encoding, what is rejected, and that nothing is written then.
#include "unspool/onnx.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "files/onnx_graph.hpp"
#include "support/caught.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::detail::OnnxGraph;
using us::detail::OnnxNode;
using us::detail::OnnxType;
using us::detail::ProtoMessage;

namespace {

/// A path in a folder that goes away with it.
class File {
 public:
  File() : folder_(std::filesystem::temp_directory_path() / ("unspool-onnx-" + std::to_string(std::rand()))) {
    std::filesystem::create_directory(folder_);
  }
  ~File() { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "model.onnx").string(); }
  bool exists() const { return std::filesystem::exists(path()); }
  std::string bytes() const {
    std::ifstream in(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path folder_;
};

struct OwnCell {
  us::Var<> operator()(const us::Var<>& x, const us::Var<>& h) const { return tanh(x + h); }
  us::Var<> zero_state(const us::Var<>& x, std::int64_t batch) const { return us::new_zeros(x, {batch, 2}); }
  std::int64_t hidden() const { return 2; }
};

}  // namespace

TEST_CASE("protobuf fields have the bytes of its encoding guide") {
  CHECK(ProtoMessage().integer(1, 150).bytes() == "\x08\x96\x01");
  CHECK(ProtoMessage().text(2, "testing").bytes() == "\x12\x07testing");
  CHECK(ProtoMessage().message(3, ProtoMessage().integer(1, 150)).bytes() == "\x1a\x03\x08\x96\x01");
  CHECK(ProtoMessage().integer(1, -1).bytes() == "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  CHECK(ProtoMessage().integer(20, 7).bytes() == "\xa0\x01\x07");
  const std::int64_t list[] = {3, 300};
  CHECK(ProtoMessage().integers(8, list).bytes() == "\x40\x03\x40\xac\x02");
}

TEST_CASE("names of values are never given twice") {
  OnnxGraph graph;
  CHECK(graph.unique("y") == "y");
  CHECK(graph.unique("y") == "y.2");
  CHECK(graph.unique("y") == "y.3");
  CHECK(graph.unique("y.2") == "y.2.2");
}

TEST_CASE("a model is the same bytes every time, and another one for other weights") {
  us::ParameterSet<> params(us::Seed{1});
  const us::GRU gru(params, "gru", {.input = 2, .hidden = 3, .layers = 2, .bidirectional = true});
  const us::Linear head(params, "head", {.input = 6, .output = 2});
  File a, b;
  us::save_onnx(a.path(), {gru, head});
  us::save_onnx(b.path(), {gru, head});
  CHECK(a.bytes() == b.bytes());
  CHECK(a.bytes().substr(0, 2) == "\x08\x07");
  CHECK(a.bytes().size() > static_cast<std::size_t>(params.value_count()) * 4);
  params["gru.bias_hh_l1"].mutable_values()[0] += 1;
  us::save_onnx(b.path(), {gru, head});
  CHECK(a.bytes() != b.bytes());
  // One module may stand in a chain more than once.
  const us::Linear square(params, "square", {.input = 2, .output = 2});
  us::save_onnx(b.path(), {gru, head, square, square});
}

TEST_CASE("what ONNX has no operator for is named, and nothing is written") {
  us::ParameterSet<> params;
  File file;
  const auto rejected = [&](std::initializer_list<us::OnnxModule> modules, const char* says) {
    UNSPOOL_CHECK_ERROR(us::save_onnx(file.path(), modules), unsupported, says);
    CHECK(!file.exists());
  };
  const us::Embedding table(params, "table", {.count = 4, .width = 2});
  const us::Linear linear(params, "linear", {.input = 2, .output = 2});
  rejected({us::LSTM(params, "a", {.input = 2, .hidden = 3, .projection = 2})}, "\"a\" has a projection");
  rejected({us::LSTM(params, "b", {.input = 2, .hidden = 3, .layer_norm = true})}, "\"b\" has layer normalisation");
  rejected({us::RNN(params, "c", {.input = 2, .hidden = 3, .leak = 0.5})}, "\"c\" has leaky units");
  rejected({us::GRU(params, "d", {.input = 2, .hidden = 3, .zoneout = 0.1})}, "\"d\" has zoneout");
  rejected({us::LSTM(params, "e", {.input = 2, .hidden = 3, .zoneout_cell = 0.1})}, "\"e\" has zoneout");
  rejected({us::Recurrent<float, OwnCell>("own", {}, 2, [](std::int64_t, const std::string&) { return OwnCell(); })},
           "\"own\" has cells that are none of RNNCell, LSTMCell and GRUCell");
  rejected({linear, table}, "\"table\" is an embedding that is not the first module");
}

TEST_CASE("modules that do not follow one another are rejected") {
  us::ParameterSet<> params;
  us::ParameterSet<double> others;
  File file;
  const us::Linear two(params, "two", {.input = 2, .output = 2}), three(params, "three", {.input = 3, .output = 2});
  const us::Linear<double> wide(others, "wide", {.input = 2, .output = 2});
  UNSPOOL_CHECK_ERROR(us::save_onnx(file.path(), {}), bad_argument, "a model must have a module");
  UNSPOOL_CHECK_ERROR(us::save_onnx(file.path(), {two, three}), shape_mismatch, "\"three\" reads 3 and is given 2");
  UNSPOOL_CHECK_ERROR(us::save_onnx(file.path(), {two, wide}), bad_argument, "\"wide\" has another");
  CHECK(!file.exists());
  UNSPOOL_CHECK_ERROR(us::save_onnx("/nowhere/at/all/model.onnx", {two}), file_write, "save_onnx");
}
