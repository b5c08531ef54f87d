// An ONNX graph under construction, encoded as it grows: what an exporter says about nodes, weights, inputs and outputs.
// Field numbers are those of onnx.proto; IR version 7, operator set 14.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "files/protobuf.hpp"

namespace unspool::detail {

/// TensorProto.DataType.
enum class OnnxType : std::int64_t { float32 = 1, int32 = 6, int64 = 7, float64 = 11 };

/// An extent: a number, or a name for one that is known only when the model runs.
struct OnnxDim {
  OnnxDim(std::int64_t extent) : extent(extent) {}
  OnnxDim(const char* symbol) : symbol(symbol) {}
  std::int64_t extent = 0;
  std::string_view symbol = {};
};
using OnnxDims = std::initializer_list<OnnxDim>;

/// One operator. Attributes are added before the node is handed to the graph.
class OnnxNode {
 public:
  OnnxNode(std::string_view op, std::span<const std::string> inputs, std::span<const std::string> outputs);
  OnnxNode(std::string_view op, std::initializer_list<std::string> inputs, std::initializer_list<std::string> outputs)
      : OnnxNode(op, std::span(inputs.begin(), inputs.size()), std::span(outputs.begin(), outputs.size())) {}

  OnnxNode& set(std::string_view name, std::int64_t value);
  OnnxNode& set(std::string_view name, std::string_view value);
  OnnxNode& set(std::string_view name, std::initializer_list<std::int64_t> values);
  /// `count` times the same text.
  OnnxNode& set(std::string_view name, std::string_view value, std::int64_t count);

  const ProtoMessage& message() const noexcept { return message_; }

 private:
  OnnxNode& attribute(std::string_view name, std::int64_t type, ProtoMessage& value);

  ProtoMessage message_;
};

class OnnxGraph {
 public:
  /// A name that no value has yet: `wanted`, or with a number behind it.
  std::string unique(const std::string& wanted);
  void add(const OnnxNode& node) { graph_.message(1, node.message()); }
  /// A weight, row-major.
  void add_weight(std::string_view name, OnnxType type, std::span<const std::int64_t> extents,
                  std::span<const std::byte> values);
  void add_input(std::string_view name, OnnxType type, OnnxDims dims) {
    graph_.message(11, value_info(name, type, dims));
  }
  void add_output(std::string_view name, OnnxType type, OnnxDims dims) {
    graph_.message(12, value_info(name, type, dims));
  }

  /// The bytes of the model file. Throws unsupported, naming `op`, for a model of 2 GiB or more, which protobuf's readers
  /// do not take.
  std::string model(std::string_view op) const;

 private:
  static ProtoMessage value_info(std::string_view name, OnnxType type, OnnxDims dims);

  ProtoMessage graph_;
  std::unordered_set<std::string> names_;
};

}  // namespace unspool::detail
